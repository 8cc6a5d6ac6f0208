/** Places in the text of a query: bytes of UTF-8, lines and columns, and indices of JavaScript. */

/** The index of a byte. One within a character is the index of that character. */
export function indexOfByte(text: string, byte: number): number {
  let seen = 0;
  let index = 0;
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const width = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (seen + width > byte) return index;
    seen += width;
    index += character.length;
  }
  return text.length;
}

/** The index of a line and a column, both from 1; a column is a character. */
export function indexOfPlace(text: string, line: number, column: number): number {
  let start = 0;
  for (let number = 1; number < line; number++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return text.length;
    start = end + 1;
  }
  const next = text.indexOf("\n", start);
  const characters = Array.from(text.slice(start, next < 0 ? undefined : next));
  return start + characters.slice(0, column - 1).join("").length;
}

/** `line 2, column 7` within a sentence of the API. */
export function placeIn(sentence: string | null | undefined): [number, number] | null {
  const found = /line (\d+), column (\d+)/.exec(sentence ?? "");
  return found ? [Number(found[1]), Number(found[2])] : null;
}

/** The columns that the text names with AS, outside quotes and comments, in their order. */
export function aliasesOf(query: string): string[] {
  const names: string[] = [];
  const word =
    /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|\bas\s+(?:"((?:[^"]|"")+)"|([a-z_][\w$]*))(?!\s*\()/gi;
  for (const match of query.matchAll(word)) {
    const name = match[1]?.replaceAll('""', '"') ?? match[2];
    if (name !== undefined) names.push(name);
  }
  return names;
}
