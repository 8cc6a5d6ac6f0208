/** Where runs stand on a line of time. Pure: pixels come in, pixels go out. */
import type { RunListEntry } from "../api/types";
import type { Zone } from "./time";

/** How a mark is drawn: each kind has its own shape, so that colour is not needed to tell them. */
export type Shape = "whole" | "half" | "crossed" | "hatched" | "open" | "planned";

export interface Mark {
  key: string;
  /** The run that a press opens; none for what is planned. */
  run?: number;
  status: string;
  /** In milliseconds since 1970; without an end it still goes on. */
  start: number;
  end: number | null;
  title: string;
}

export interface Drawn extends Mark {
  x: number;
  width: number;
  shape: Shape;
}

const MINUTE = 60_000;

/** A run of a second is still seen and hit. */
const LEAST_PX = 4;

/** What is worse is drawn above what is better. */
const WORST_LAST = [
  "planned",
  // What goes on is long, and lies below the slots that are skipped for it.
  "queued",
  "awaiting_approval",
  "extracting",
  "delivering",
  "skipped",
  "succeeded",
  "cancelled",
  "rejected",
  "succeeded_with_rejected",
  "partial",
  "lost",
  "failed",
];

export function shapeOf(status: string): Shape {
  switch (status) {
    case "skipped":
      return "hatched";
    case "planned":
      return "planned";
    case "failed":
    case "lost":
      return "crossed";
    case "partial":
    case "succeeded_with_rejected":
      return "half";
    case "queued":
    case "extracting":
    case "delivering":
    case "awaiting_approval":
      return "open";
    default:
      return "whole";
  }
}

/** The marks between `from` and `to` on a line of this width. */
export function drawn(
  marks: readonly Mark[],
  from: number,
  to: number,
  width: number,
  now: number,
): Drawn[] {
  const scale = width / (to - from);
  const rank = (mark: Mark) => WORST_LAST.indexOf(mark.status);
  return marks
    .filter((mark) => mark.start < to && (mark.end ?? now) >= from)
    .map((mark) => {
      const left = Math.max(0, (mark.start - from) * scale);
      const right = Math.min(width, ((mark.end ?? now) - from) * scale);
      const size = Math.max(LEAST_PX, right - left);
      return { ...mark, x: Math.min(left, width - size), width: size, shape: shapeOf(mark.status) };
    })
    .sort((a, b) => rank(a) - rank(b));
}

const STEPS = [1, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080].map(
  (n) => n * MINUTE,
);

/** The shortest of these that has what began at `oldest` in it, in hours. */
const WINDOWS_H = [1, 3, 6, 12, 24];

export function windowHours(oldest: number, now: number): number {
  const hours = (now - oldest) / (60 * MINUTE);
  return WINDOWS_H.find((size) => hours <= size) ?? WINDOWS_H.at(-1)!;
}

/** Round times of the zone between `from` and `to`, no more than there is room for. */
export function ticks(from: number, to: number, width: number, zone: Zone, pxEach = 88): number[] {
  const most = Math.max(2, Math.floor(width / pxEach));
  const step = STEPS.find((size) => (to - from) / size <= most) ?? STEPS.at(-1)!;
  const offset = zone === "local" ? -new Date(from).getTimezoneOffset() * MINUTE : 0;
  const found: number[] = [];
  for (let at = Math.ceil((from + offset) / step) * step - offset; at <= to; at += step)
    found.push(at);
  return found;
}

/** A run of the API as a mark. A skipped slot stands where it was due. */
export function markOf(
  entry: Pick<RunListEntry, "run" | "state" | "due_at" | "started_at" | "ended_at">,
  word: string,
): Mark {
  const isSkipped = entry.state === "skipped";
  const start = Date.parse(isSkipped ? entry.due_at : entry.started_at);
  const end = isSkipped ? start : entry.ended_at ? Date.parse(entry.ended_at) : null;
  return {
    key: String(entry.run),
    run: entry.run,
    status: entry.state,
    start,
    end,
    title: `Run ${entry.run}: ${word}`,
  };
}
