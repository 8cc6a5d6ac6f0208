/** The lines that differ between two texts: the longest common subsequence stays. */

export interface DiffLine {
  kind: "same" | "removed" | "added";
  text: string;
  /** The line's number before and after, from 1. */
  before?: number;
  after?: number;
}

/** Longer texts than this are compared as a whole: the table below grows with the square. */
const MOST_LINES = 2_000;

export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  if (a.length > MOST_LINES || b.length > MOST_LINES)
    return [...all(a, "removed"), ...all(b, "added")];
  const lengths = commonLengths(a, b);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i]!, before: ++i, after: ++j });
    } else if (j >= b.length || (i < a.length && at(lengths, i + 1, j) >= at(lengths, i, j + 1))) {
      lines.push({ kind: "removed", text: a[i]!, before: ++i });
    } else {
      lines.push({ kind: "added", text: b[j]!, after: ++j });
    }
  }
  return lines;
}

function all(lines: string[], kind: "removed" | "added"): DiffLine[] {
  const side = kind === "removed" ? "before" : "after";
  return lines.map((text, index) => ({ kind, text, [side]: index + 1 }));
}

function at(lengths: Uint32Array[], i: number, j: number): number {
  return lengths[i]?.[j] ?? 0;
}

function commonLengths(a: string[], b: string[]): Uint32Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      rows[i]![j] =
        a[i] === b[j]
          ? at(rows, i + 1, j + 1) + 1
          : Math.max(at(rows, i + 1, j), at(rows, i, j + 1));
    }
  }
  return rows;
}
