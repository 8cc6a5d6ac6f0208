/**
 * Where runs stand on a timeline. Runs that would be drawn on the same few pixels become one mark,
 * so that a month of runs draws no more marks than an hour of them. Pure.
 */
import type { RunState } from "../api/types";
import { ZOOMS, type Zoom, zoomMs } from "./zoom";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The part of the window that lies ahead of now, for what is planned. */
const AHEAD = 0.12;

export interface Span {
  from: number;
  to: number;
}

/** The window of a zoom: most of it before now, a part of it ahead. */
export function spanOf(zoom: Zoom, now: number): Span {
  const length = zoomMs[zoom];
  return { from: now - length * (1 - AHEAD), to: now + length * AHEAD };
}

/** What the timeline needs of a run. */
export interface TimelineRun {
  run: number;
  state: RunState;
  due_at: string;
  started_at: string;
  ended_at?: string | null;
  skipped_by?: number | null;
}

export interface Mark {
  x: number;
  width: number;
  /** Of the height: 0 to 1. */
  height: number;
  /** The worst state of its runs. */
  state: RunState;
  /** The newest first. One: the mark is that run. */
  runs: TimelineRun[];
  skipped: number;
  /** The longest of its runs, in seconds. */
  seconds: number;
}

/** The narrowest that a mark can be and still be hit. */
const LEAST_PX = 5;
const GAP_PX = 1;

const worstFirst: RunState[] = [
  "failed",
  "lost",
  "partial",
  "awaiting_approval",
  "extracting",
  "delivering",
  "queued",
  "succeeded_with_rejected",
  "cancelled",
  "rejected",
  "succeeded",
  "skipped",
];

function rank(state: RunState): number {
  const at = worstFirst.indexOf(state);
  return at < 0 ? worstFirst.length : at;
}

export function secondsOf(run: TimelineRun, now: number): number {
  if (run.state === "skipped") return 0;
  const end = run.ended_at ? Date.parse(run.ended_at) : now;
  return Math.max(0, end - Date.parse(run.started_at)) / 1000;
}

/** When a run stands on the timeline: a skipped slot when it was due. */
export function startOf(run: TimelineRun): number {
  return Date.parse(run.state === "skipped" ? run.due_at : run.started_at);
}

/** The middle of the durations of runs that ran; undefined without one. */
export function medianSeconds(runs: readonly TimelineRun[], now: number): number | undefined {
  const all = runs
    .filter(({ state }) => state !== "skipped" && state !== "queued")
    .map((run) => secondsOf(run, now))
    .sort((a, b) => a - b);
  return all[Math.floor(all.length / 2)];
}

/** Marks from left to right. */
export function marksOf(
  runs: readonly TimelineRun[],
  span: Span,
  width: number,
  now: number,
): Mark[] {
  const perMs = width / (span.to - span.from);
  const seen = runs
    .map((run) => ({ run, at: startOf(run), seconds: secondsOf(run, now) }))
    .filter(({ at, seconds }) => at + seconds * 1000 >= span.from && at <= span.to)
    .sort((a, b) => a.at - b.at);
  const most = Math.max(1, ...seen.map(({ seconds }) => seconds));
  const marks: Mark[] = [];
  for (const { run, at, seconds } of seen) {
    const x = Math.max(0, (at - span.from) * perMs);
    const end = Math.max(x + LEAST_PX, (at + seconds * 1000 - span.from) * perMs);
    const last = marks.at(-1);
    const isSkipped = run.state === "skipped";
    if (last && x < last.x + last.width + GAP_PX) {
      last.width = Math.max(last.width, Math.min(end, last.x + Math.max(last.width, 12)) - last.x);
      last.runs.unshift(run);
      last.seconds = Math.max(last.seconds, seconds);
      last.skipped += isSkipped ? 1 : 0;
      if (rank(run.state) < rank(last.state)) last.state = run.state;
    } else {
      marks.push({
        x,
        width: Math.min(end, width) - x,
        height: 0,
        state: run.state,
        runs: [run],
        skipped: isSkipped ? 1 : 0,
        seconds,
      });
    }
  }
  // The root keeps short runs visible beside a long one.
  for (const mark of marks) {
    mark.height = mark.state === "skipped" ? 0.5 : Math.max(0.14, Math.sqrt(mark.seconds / most));
  }
  return marks;
}

export interface Tick {
  at: number;
  x: number;
}

const STEPS = [
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  DAY,
  2 * DAY,
  5 * DAY,
];

/** Times to write below, at least `apart` pixels apart. `offset`: of the zone, in minutes. */
export function ticksOf(span: Span, width: number, offset: number, apart = 80): Tick[] {
  const length = span.to - span.from;
  const step = STEPS.find((one) => (one / length) * width >= apart) ?? 10 * DAY;
  const shift = offset * MINUTE;
  const ticks: Tick[] = [];
  for (let at = Math.ceil((span.from + shift) / step) * step - shift; at < span.to; at += step) {
    ticks.push({ at, x: ((at - span.from) / length) * width });
  }
  return ticks;
}

/** Which slots are planned within the window. One that is past has become a run, or will at once. */
export function plannedOf(slots: readonly string[], span: Span, width: number): Tick[] {
  const perMs = width / (span.to - span.from);
  const found: Tick[] = [];
  for (const slot of slots) {
    const at = Date.parse(slot);
    const x = (at - span.from) * perMs;
    const before = found.at(-1);
    if (at <= span.to && (!before || x - before.x >= 4)) found.push({ at, x });
  }
  return found;
}

/** `every 1m` as milliseconds; undefined if the schedule is no interval. */
export function everyMs(schedule: string): number | undefined {
  const match = /^every (\d+)(s|m|h|d)\b/.exec(schedule);
  if (!match) return undefined;
  const unit = { s: 1_000, m: MINUTE, h: HOUR, d: DAY }[match[2] as "s" | "m" | "h" | "d"];
  return Number(match[1]) * unit;
}

/** How much time shows some runs of a sync with this schedule, and not too many. */
export function usualZoom(schedule: string): Zoom {
  const every = everyMs(schedule) ?? HOUR;
  return ZOOMS.find((zoom) => zoomMs[zoom] >= 12 * every) ?? "30d";
}

/** A shorter interval that runs can keep up with: the next usual one above twice the median. */
export function calmerInterval(every: number, median: number | undefined): string | undefined {
  const usual = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((n) => n * MINUTE);
  const least = Math.max(every + 1, (median ?? 0) * 2_000);
  const found = usual.find((one) => one >= least);
  if (found === undefined) return undefined;
  const minutes = found / MINUTE;
  return minutes < 60 ? `${minutes}m` : minutes < 1440 ? `${minutes / 60}h` : "1d";
}
