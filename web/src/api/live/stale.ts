/** Which resources an event of the server makes stale. Keys are the first words of `keys.ts`. */
import { keys } from "../keys";

type Key = readonly unknown[];

const RUNS: Key[] = [keys.runs, keys.status, keys.gaps];
const EVERYTHING: Key[] = [
  keys.runs,
  keys.status,
  keys.gaps,
  keys.alerts,
  keys.syncs,
  keys.sources,
  keys.destinations,
  keys.connections,
  keys.definitions,
  keys.usage,
];

/** Progress: it is shown as it comes, and nothing is asked again for it. */
export const PROGRESS = new Set(["run_read", "run_delivering"]);

/** What to ask for again while there is no stream: what changes by itself. */
export const POLLED: Key[] = [...RUNS, keys.alerts];

export function staleAfter(event: string): Key[] {
  if (PROGRESS.has(event)) return [];
  if (event === "gap" || event === "reloaded") return EVERYTHING;
  if (event.startsWith("run_")) return event === "run_ended" ? [...RUNS, keys.usage] : RUNS;
  if (event === "alert") return [keys.alerts, keys.status];
  if (event.startsWith("destination_")) return [keys.destinations, keys.status];
  return [keys.status];
}
