/** A definition as YAML, as it stands in a project file. Pure; for values of JSON alone. */

const PLAIN = /^[A-Za-z_/][\w./ -]*$/;
const WORDS = new Set(["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"]);

function scalar(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value) ?? "null";
  const isPlain = PLAIN.test(value) && !value.endsWith(" ") && !WORDS.has(value.toLowerCase());
  return isPlain ? value : JSON.stringify(value);
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      if (typeof item !== "object" || item === null || isEmpty(item)) {
        return [`${indent}- ${inline(item)}`];
      }
      const [first, ...others] = lines(item, `${indent}  `);
      return [`${indent}- ${first!.trimStart()}`, ...others];
    });
  }
  return Object.entries(value as Record<string, unknown>).flatMap(([key, item]) => {
    const name = `${indent}${scalar(key)}:`;
    if (typeof item === "string" && item.includes("\n") && !/^\s|[^\S\n]\n|\r|\n\n$/.test(item)) {
      const text = item.replace(/\n$/, "").split("\n");
      const sign = item.endsWith("\n") ? "|" : "|-";
      return [`${name} ${sign}`, ...text.map((line) => (line ? `${indent}  ${line}` : ""))];
    }
    if (typeof item !== "object" || item === null || isEmpty(item))
      return [`${name} ${inline(item)}`];
    return [name, ...lines(item, `${indent}  `)];
  });
}

function inline(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[]" : "{}";
  return scalar(value);
}

/** Without a line break at its end. */
export function yamlOf(value: unknown): string {
  if (typeof value !== "object" || value === null || isEmpty(value)) return inline(value);
  return lines(value, "").join("\n");
}
