/** Is my data flowing? Pure. */
import type { StatusDocument } from "../../api/types";
import { stateOf, type SyncRow } from "../../lib/sync-state";
import type { Need } from "./needs";

export interface Verdict {
  tone: "good" | "warn" | "bad" | "idle";
  title: string;
}

const STANDS_STILL = ["failed", "stopped", "lost"];

export function verdictOf(
  rows: readonly SyncRow[],
  needs: readonly Need[],
  status: StatusDocument,
): Verdict {
  if (!status.serving) return { tone: "bad", title: "No process runs the syncs" };
  const active = rows.filter((row) => !["paused", "disabled"].includes(stateOf(row)));
  if (active.length === 0) return { tone: "idle", title: "No sync is switched on" };
  const still = needs.filter((need) => STANDS_STILL.includes(need.status)).length;
  if (still >= active.length) return { tone: "bad", title: "Your data is not flowing" };
  if (still > 0) return { tone: "bad", title: "Some of your data is not flowing" };
  const held = active.filter((row) => stateOf(row) === "awaiting_approval").length;
  if (held > 0)
    return { tone: "warn", title: "Your data is flowing, except what waits for approval" };
  return { tone: needs.length > 0 ? "warn" : "good", title: "Your data is flowing" };
}
