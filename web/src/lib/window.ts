/** Which of many rows or columns are seen, from their sizes and the scroll. Pure. */

/** Where each one begins, and behind the last one the whole size. */
export function startsOf(sizes: readonly number[]): number[] {
  const starts = [0];
  for (const size of sizes) starts.push(starts.at(-1)! + size);
  return starts;
}

/** The first one that ends behind a place. */
function firstBehind(starts: readonly number[], place: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle + 1]! > place) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** From which one to before which one is seen, with a few more on both sides. */
export function seenOf(
  starts: readonly number[],
  from: number,
  size: number,
  more: number,
): [number, number] {
  const count = starts.length - 1;
  const first = firstBehind(starts, from);
  const last = firstBehind(starts, from + size);
  return [Math.max(0, first - more), Math.min(count, last + 1 + more)];
}

/** Where to scroll to so that a part is seen, behind a head of some size; the same if it is. */
export function scrolledTo(
  now: number,
  view: number,
  head: number,
  start: number,
  end: number,
): number {
  if (start < now) return start;
  return end + head > now + view ? end + head - view : now;
}
