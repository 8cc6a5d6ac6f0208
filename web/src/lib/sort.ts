/** Sorting rows by a value of theirs. What has no value comes last, in both directions. */

export type SortValue = string | number | null | undefined;

const order = new Intl.Collator("en", { numeric: true });

function compare(a: string | number, b: string | number): number {
  return typeof a === "number" && typeof b === "number" ? a - b : order.compare(`${a}`, `${b}`);
}

export function sorted<R>(
  rows: readonly R[],
  value: (row: R) => SortValue,
  isDescending: boolean,
): R[] {
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
    return isDescending ? compare(b, a) : compare(a, b);
  });
}

/** What a press on a header means: ascending, then descending, then as it came. */
export function nextSort(sort: string | undefined, column: string): string | undefined {
  if (sort === column) return `-${column}`;
  return sort === `-${column}` ? undefined : column;
}
