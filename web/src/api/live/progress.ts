/** How far runs are, from live events alone: rows read, and calls settled at each destination. */
import { createStore, useStore } from "../../lib/store";
import type { DeliveryDocument, LiveEvent } from "../types";

export type Counts = Omit<DeliveryDocument, "state" | "reason">;

export interface Progress {
  rows: number;
  rejected: number;
  /** When the numbers were true. */
  at: string;
  destinations: Record<string, Counts>;
}

export const progress = createStore<ReadonlyMap<number, Progress>>(new Map());

const OVER = new Set(["run_ended", "run_failed", "run_awaits_approval"]);

/** Pure: what is known after an event. */
export function after(
  known: ReadonlyMap<number, Progress>,
  name: string,
  event: LiveEvent,
): ReadonlyMap<number, Progress> {
  const run = event.run;
  if (run == null) return known;
  if (OVER.has(name)) {
    if (!known.has(run)) return known;
    const left = new Map(known);
    left.delete(run);
    return left;
  }
  const before = known.get(run) ?? { rows: 0, rejected: 0, at: event.at, destinations: {} };
  const next = { ...before, at: event.at };
  if (name === "run_read") {
    next.rows = Number(event.data.rows ?? 0);
    next.rejected = Number(event.data.rejected ?? 0);
  } else if (name === "run_delivering" && event.destination) {
    const counts = event.data as unknown as Counts;
    next.destinations = { ...before.destinations, [event.destination]: counts };
  } else return known;
  return new Map(known).set(run, next);
}

export function noteProgress(name: string, event: LiveEvent) {
  progress.set(after(progress.get(), name, event));
}

export function useProgress(run: number): Progress | undefined {
  return useStore(progress).get(run);
}
