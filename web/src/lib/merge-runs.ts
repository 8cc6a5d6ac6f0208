/** The newest page of a list of runs, which is live, over older pages, which are not. Pure. */

interface Numbered {
  run: number;
}

export interface Merged<R> {
  rows: R[];
  /** Runs between the two are missing: the older pages have to be read again. */
  hasGap: boolean;
}

/**
 * The live page counts in its whole range: a run that is not in it any more is in another state.
 * `isAll`: the live page is the whole list.
 */
export function mergeRuns<R extends Numbered>(
  live: readonly R[],
  isAll: boolean,
  older: readonly R[],
): Merged<R> {
  if (isAll || older.length === 0) return { rows: [...live], hasGap: false };
  const last = live.at(-1)?.run ?? Infinity;
  const behind = older.filter(({ run }) => run < last);
  return { rows: [...live, ...behind], hasGap: (older[0]?.run ?? last) < last };
}
