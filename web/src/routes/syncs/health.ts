/** How a sync is, from its latest runs. Pure. */
import type { RunListEntry, SyncDetail } from "../../api/types";
import { secondsBetween } from "../../lib/time";

/** States after which everything that was read has arrived, or is accounted for. */
const GOOD = new Set(["succeeded", "succeeded_with_rejected", "partial"]);

export interface Health {
  /** The newest run that was not skipped. */
  last: RunListEntry | undefined;
  /** When the data was last read well: destinations have everything up to here. */
  freshAt: string | undefined;
  skipped: number;
  slots: number;
  /** Of runs that read: the middle of their durations, in seconds. */
  median: number | undefined;
}

export function healthOf(runs: readonly RunListEntry[], since: number): Health {
  const ran = runs.filter(({ state }) => state !== "skipped");
  const recent = runs.filter(({ due_at: due }) => Date.parse(due) >= since);
  const took = ran
    .flatMap(({ started_at: from, ended_at: to }) => secondsBetween(from, to) ?? [])
    .sort((a, b) => a - b);
  return {
    last: ran[0],
    freshAt: ran.find(({ state }) => GOOD.has(state))?.started_at,
    skipped: recent.filter(({ state }) => state === "skipped").length,
    slots: recent.length,
    median: took[Math.floor(took.length / 2)],
  };
}

export type SyncState = "draft" | "paused" | "disabled" | "enabled";

export function stateOfSync(detail: Pick<SyncDetail, "enabled" | "paused_since">): SyncState {
  if (detail.paused_since) return "paused";
  return detail.enabled ? "enabled" : "disabled";
}
