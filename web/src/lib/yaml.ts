/**
 * A value as YAML, in the manner of a project file: block style, texts of several lines as `|`.
 * Writes what JSON can say, and reads nothing.
 */

const PLAIN = /^[A-Za-z_][\w ./@*+-]*$/;
const WORDS = /^(true|false|null|yes|no|on|off|y|n)$/i;

function scalar(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value) ?? "null";
  const isPlain = PLAIN.test(value) && !WORDS.test(value) && !/\s$/.test(value);
  // A duration such as 15m begins with a digit, and is no number.
  const isDuration = /^\d+[a-z]+$/.test(value) && !/^\d+e\d*$/.test(value);
  return isPlain || isDuration ? value : JSON.stringify(value);
}

function canBeBlock(text: string): boolean {
  // A block takes no tabs or spaces before its first character, and no carriage returns.
  return text.includes("\n") && !/^[\s]/.test(text) && !text.includes("\r");
}

function block(text: string, indent: string): string {
  const keep = text.endsWith("\n\n") ? "|+" : text.endsWith("\n") ? "|" : "|-";
  const body = text.replace(/\n$/, "").split("\n");
  return `${keep}\n${body.map((line) => (line === "" ? "" : indent + line)).join("\n")}`;
}

function entry(value: unknown, indent: string): string {
  if (typeof value === "string" && canBeBlock(value)) return ` ${block(value, `${indent}  `)}`;
  if (typeof value !== "object" || value === null) return ` ${scalar(value)}`;
  const isNothing = Object.keys(value).length === 0;
  if (isNothing) return Array.isArray(value) ? " []" : " {}";
  return `\n${lines(value, `${indent}  `)}`;
}

function lines(value: object, indent: string): string {
  if (Array.isArray(value)) {
    return value
      .map((item) => `${indent}-${entry(item, indent).replace(/^\n\s*/, " ")}`)
      .join("\n");
  }
  return Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${indent}${scalar(key)}:${entry(item, indent)}`)
    .join("\n");
}

export function toYaml(value: object): string {
  return `${lines(value, "")}\n`;
}
