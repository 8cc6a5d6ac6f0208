/** A sign of a name: its first letters, and one of a few colours, the same each time. */

const TONES = 6;

/** `Customer.io Data Pipelines` is `Cu`, `my-hook` is `MH`. */
export function initials(name: string): string {
  const words = name.split(/[\s_-]+/).filter((word) => word !== "");
  const [first = "?", second] = words;
  if (second && words.length === 2) return (first.charAt(0) + second.charAt(0)).toUpperCase();
  return first.charAt(0).toUpperCase() + first.slice(1, 2).toLowerCase();
}

export function toneOf(name: string): number {
  let sum = 7;
  for (const letter of name.toLowerCase()) sum = (sum * 31 + letter.charCodeAt(0)) % 997;
  return sum % TONES;
}
