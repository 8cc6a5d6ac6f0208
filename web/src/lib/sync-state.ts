/** How a sync is, in one word: for tables, tiles and lists. */
import type { StatusDocument, SyncDocument, SyncStatus } from "../api/types";

export interface SyncRow {
  sync: SyncDocument;
  /** Missing while the process has not taken the sync over. */
  status: SyncStatus | undefined;
}

export function syncRows(
  syncs: readonly SyncDocument[],
  status: StatusDocument | undefined,
): SyncRow[] {
  const byName = new Map((status?.syncs ?? []).map((one) => [one.sync, one]));
  return syncs.map((sync) => ({ sync, status: byName.get(sync.sync) }));
}

/** The state that a person wants to know: a pause counts for more than the last run. */
export function stateOf({ sync, status }: SyncRow): string {
  if (sync.paused_since ?? status?.paused_since) return "paused";
  if (!sync.enabled) return "disabled";
  return status?.last?.state ?? "never";
}

/** The worst first. */
const WORST_FIRST = [
  "failed",
  "lost",
  "partial",
  "awaiting_approval",
  "succeeded_with_rejected",
  "skipped",
  "queued",
  "extracting",
  "delivering",
];

export function rankOf(row: SyncRow): number {
  const at = WORST_FIRST.indexOf(stateOf(row));
  return at < 0 ? WORST_FIRST.length : at;
}

/** Whether a person has something to look at; what is paused on purpose is not trouble. */
export function isTroubled(row: SyncRow): boolean {
  return rankOf(row) <= WORST_FIRST.indexOf("succeeded_with_rejected");
}
