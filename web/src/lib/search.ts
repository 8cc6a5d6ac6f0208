/** Search parameters: what does not fit becomes undefined, so that an address is never wrong. */

export type Search = Record<string, unknown>;

/** Makes every parameter one that a link may leave out. */
export function optional<T extends object>(search: T): Partial<T> {
  return search;
}

export function text(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A whole number from 0 on. */
export function whole(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number(value) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined;
}

export function oneOf<const T extends readonly string[]>(
  allowed: T,
  value: unknown,
): T[number] | undefined {
  return allowed.find((one) => one === value);
}

/** What every list has: a filter, and the column that it is sorted by. */
export interface ListSearch {
  filter?: string | undefined;
  sort?: string | undefined;
}

export function listSearch(search: Search): ListSearch {
  return { filter: text(search.filter), sort: text(search.sort) };
}

/** Whether one of the texts has the filter's words in it, all of them. */
export function matches(
  filter: string | undefined,
  ...texts: (string | null | undefined)[]
): boolean {
  if (!filter) return true;
  const all = texts.join(" ").toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
