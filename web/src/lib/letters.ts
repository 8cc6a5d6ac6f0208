/** A sign of a name: its first letters, and one of a few colours, the same each time. */

const TONES = 6;

/** The first word without signs, so that `Customer.io` and `customerio-pipelines` are alike. */
function root(name: string): string {
  const [first = ""] = name.split(/[\s_-]+/).filter((word) => word !== "");
  return first.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/** `Customer.io Data Pipelines` is `Cu`. */
export function initials(name: string): string {
  const word = root(name) || "?";
  return word.charAt(0).toUpperCase() + word.slice(1, 2);
}

export function toneOf(name: string): number {
  let sum = 7;
  for (const letter of root(name)) sum = (sum * 31 + letter.charCodeAt(0)) % 997;
  return sum % TONES;
}
