/**
 * One run as it happens, from its own stream: rows read, calls settled at each destination, how
 * fast, and what slows it down. The screen is drawn at most four times a second.
 */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { keys } from "../keys";
import type { LiveEvent, RunListEntry } from "../types";
import type { Counts } from "./progress";
import { readStream } from "./sse";

export interface Throttle {
  code: string;
  seconds: number;
  /** When it was said. */
  at: string;
}

export interface LiveDestination {
  counts: Counts;
  throttle: Throttle | null;
  isDone: boolean;
}

export interface Sample {
  /** In milliseconds. */
  at: number;
  rows: number;
  settled: number;
}

export interface LogLine {
  at: string;
  event: string;
  destination?: string | undefined;
  data: Record<string, unknown>;
}

export interface RunLive {
  rows: number;
  rejected: number;
  destinations: Record<string, LiveDestination>;
  samples: Sample[];
  log: LogLine[];
}

export const nothing: RunLive = { rows: 0, rejected: 0, destinations: {}, samples: [], log: [] };

const KEPT_SAMPLES = 240;
const KEPT_LINES = 2_000;
const PROGRESS = new Set(["run_read", "run_delivering"]);

/** Pure: what is known after an event. */
export function afterRunEvent(known: RunLive, name: string, event: LiveEvent): RunLive {
  const data = event.data as Record<string, unknown>;
  const next = { ...known };
  if (name === "run_read") {
    next.rows = Number(data.rows ?? known.rows);
    next.rejected = Number(data.rejected ?? known.rejected);
  }
  if (event.destination) {
    const before = known.destinations[event.destination];
    const counts =
      name === "run_delivering"
        ? (data as unknown as Counts)
        : name === "run_delivered"
          ? (data.counts as Counts)
          : before?.counts;
    if (counts) {
      const isRetry = name === "request_retrying";
      const throttle = isRetry
        ? { code: String(data.code), seconds: Number(data.seconds), at: event.at }
        : null;
      const isDone = name === "run_delivered" || (before?.isDone ?? false);
      next.destinations = {
        ...known.destinations,
        [event.destination]: { counts, throttle, isDone },
      };
    }
  }
  if (PROGRESS.has(name)) {
    const settled = Object.values(next.destinations).reduce(
      (sum, { counts }) => sum + counts.calls - counts.pending,
      0,
    );
    const sample = { at: Date.parse(event.at), rows: next.rows, settled };
    next.samples = [...known.samples, sample].slice(-KEPT_SAMPLES);
  } else if (name !== "run") {
    const line = { at: event.at, event: name, destination: event.destination ?? undefined, data };
    next.log = [...known.log, line].slice(-KEPT_LINES);
  }
  return next;
}

const WINDOW_MS = 15_000;

/** How many per second, over the last seconds; undefined while too little is known. */
export function rateOf(samples: readonly Sample[], what: "rows" | "settled"): number | undefined {
  const last = samples.at(-1);
  if (!last) return undefined;
  const first = samples.find(({ at }) => last.at - at <= WINDOW_MS);
  if (!first || last.at - first.at < 400) return undefined;
  return ((last[what] - first[what]) * 1000) / (last.at - first.at);
}

/** Seconds until all is settled at this rate; undefined if that cannot be said. */
export function remainingSeconds(pending: number, rate: number | undefined): number | undefined {
  return rate !== undefined && rate > 0 ? pending / rate : undefined;
}

const DRAW_MS = 250;
const AGAIN_MS = 2_000;
const SILENCE_MS = 45_000;

/** Follows a run while it goes on. What was heard stays when it has ended. */
export function useRunLive(run: number, goesOn: boolean): RunLive {
  const client = useQueryClient();
  const [heard, setHeard] = useState<{ run: number; live: RunLive }>({ run, live: nothing });
  useEffect(() => {
    if (!goesOn) return;
    const stopped = new AbortController();
    let live = nothing;
    let draw: ReturnType<typeof setTimeout> | undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      draw = undefined;
      setHeard({ run, live });
    };
    const take = (name: string, data: string) => {
      if (name === "run") {
        client.setQueryData(keys.run(run), JSON.parse(data) as RunListEntry);
        return;
      }
      live = afterRunEvent(live, name, JSON.parse(data) as LiveEvent);
      draw ??= setTimeout(show, DRAW_MS);
    };
    const read = async () => {
      await readStream({
        path: `/api/v1/runs/${run}/events`,
        lastId: null,
        signal: stopped.signal,
        silenceMs: SILENCE_MS,
        onOpen: () => undefined,
        onFrame: (frame) => take(frame.event, frame.data),
      }).catch(() => 0);
      if (stopped.signal.aborted) return;
      // The stream ends with the run. Where it broke, it is read again.
      void client.invalidateQueries({ queryKey: keys.run(run) });
      again = setTimeout(() => void read(), AGAIN_MS);
    };
    void read();
    return () => {
      stopped.abort();
      clearTimeout(again);
      if (draw !== undefined) {
        clearTimeout(draw);
        show();
      }
    };
  }, [client, run, goesOn]);
  return heard.run === run ? heard.live : nothing;
}
