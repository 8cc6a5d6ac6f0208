/** A value as YAML, in the form of a project file. It only writes, and writes only what JSON has. */

export function toYaml(value: unknown): string {
  if (isBlock(value)) return `${lines(value, 0).join("\n")}\n`;
  return `${scalar(value, 0)}\n`;
}

/** The definition as it would stand in `outflow.yaml`. */
export function definitionYaml(section: string, name: string, value: unknown): string {
  return toYaml({ [section]: { [name]: value } });
}

function isBlock(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function lines(value: object, depth: number): string[] {
  const indent = "  ".repeat(depth);
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      if (!isBlock(item)) return [`${indent}- ${scalar(item, depth)}`];
      const [first, ...rest] = lines(item, depth + 1);
      return [`${indent}- ${first!.trimStart()}`, ...rest];
    });
  }
  return Object.entries(value).flatMap(([key, item]: [string, unknown]) => {
    const name = `${indent}${plainOrQuoted(key)}:`;
    if (isBlock(item)) return [name, ...lines(item, depth + 1)];
    return [`${name} ${scalar(item, depth)}`];
  });
}

function scalar(value: unknown, depth: number): string {
  if (typeof value !== "string") return JSON.stringify(value ?? null);
  if (isText(value)) return block(value, depth);
  return plainOrQuoted(value);
}

/** Several lines that a literal block keeps as they are. */
function isText(value: string): boolean {
  return /\n/.test(value) && !/^\s|[^\S\n]$|\r|\t|\n\n$/.test(value) && !/[^\S\n]\n/.test(value);
}

function block(value: string, depth: number): string {
  const indent = "  ".repeat(depth + 1);
  const head = value.endsWith("\n") ? "|" : "|-";
  const body = value
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => (line === "" ? "" : indent + line));
  return [head, ...body].join("\n");
}

const PLAIN = /^[\w/.][\w ./@+-]*$/;
// Words, numbers and dates of YAML 1.1 and 1.2.
const OTHER_MEANING =
  /^(true|false|yes|no|on|off|null|y|n|\.inf|\.nan|0[xo].*|\.?[\d._]+(e[+-]?\d+)?|\d+-\d+-\d+.*)$/i;

function plainOrQuoted(text: string): string {
  const isPlain = PLAIN.test(text) && !text.endsWith(" ") && !OTHER_MEANING.test(text);
  return isPlain ? text : JSON.stringify(text);
}
