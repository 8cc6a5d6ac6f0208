/** What happened to a run in a sentence, and what a person can do about it. Pure. */
import type { RunListEntry } from "../api/types";
import { count, counted } from "./number";

export interface Story {
  /** What happened. */
  happened: string;
  /** What that means for the data, and what to do. Empty: nothing is left to do. */
  next: string;
}

export interface Totals {
  calls: number;
  delivered: number;
  refused: number;
  pending: number;
}

/** The calls of a run, added up over its destinations. */
export function totalsOf(entry: Pick<RunListEntry, "destinations">): Totals {
  const totals = { calls: 0, delivered: 0, refused: 0, pending: 0 };
  for (const one of Object.values(entry.destinations)) {
    totals.calls += one.calls;
    totals.delivered += one.delivered;
    totals.refused += one.dead_letters;
    totals.pending += one.pending;
  }
  return totals;
}

/** `journeys`, `journeys and audit`, `a, b and 3 more`. */
export function listed(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? "no destination";
  if (names.length > 3) return `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function rejectedWords(entry: RunListEntry): string {
  const { rejected, read } = entry.rows;
  return `${count(rejected)} of ${counted(read, "row")} could not become a call`;
}

function deliveredWords(entry: RunListEntry): string {
  const { rows, destinations } = entry;
  const to = listed(Object.keys(destinations));
  if (rows.read === 0) return "The query gave no rows: nothing has changed since the run before.";
  if (rows.calls === 0 && rows.rejected === 0)
    return `${counted(rows.read, "row")} came, all the same as before: there was nothing to send.`;
  if (rows.calls === 0) return `${rejectedWords(entry)}, and none was left to send.`;
  const isOne = rows.calls === 1;
  const all = isOne ? "The one call" : `All ${count(rows.calls)} calls`;
  const rejected = rows.rejected > 0 ? `; ${rejectedWords(entry)}` : "";
  return `${all} ${isOne ? "was" : "were"} delivered to ${to}${rejected}.`;
}

function deliveringStory(entry: RunListEntry): Story {
  const { calls, pending } = totalsOf(entry);
  const settled = `${count(calls - pending)} of ${counted(calls, "call")} are settled.`;
  const stopped = Object.entries(entry.destinations).filter(([, one]) => one.state === "stopped");
  if (stopped.length === 0) {
    return { happened: `All rows are read and kept. ${settled}`, next: "" };
  }
  const names = listed(stopped.map(([name]) => name));
  return {
    happened: `${settled} ${counted(pending, "call")} wait${pending === 1 ? "s" : ""} for ${names}.`,
    next: `They are kept, and go on by themselves when ${names} takes calls again. Look at why it stopped, below.`,
  };
}

/** The state as it is shown: a run that only waits for a destination does not send. */
export function shownState(entry: Pick<RunListEntry, "state" | "destinations">): string {
  if (entry.state !== "delivering") return entry.state;
  const open = Object.values(entry.destinations).filter(({ pending }) => pending > 0);
  return open.length > 0 && open.every(({ state }) => state === "stopped")
    ? "stopped"
    : "delivering";
}

const FIX_ROWS =
  "Look at the rejected rows, fix them in the query or the data, and send them again.";

export function storyOf(entry: RunListEntry): Story {
  const { state, rows } = entry;
  const totals = totalsOf(entry);
  const why = entry.reason ? entry.reason.message.replace(/\.?$/, ".") : "";
  switch (state) {
    case "queued":
      return { happened: "It waits for its turn. No row is read yet.", next: "" };
    case "extracting":
      return { happened: "The query runs, and its rows become calls.", next: "" };
    case "delivering":
      return deliveringStory(entry);
    case "awaiting_approval":
      return {
        happened: `It is held, and nothing was sent: ${why}`,
        next: "Look at what it would send, then approve or reject it. Until then the slots of the sync are skipped.",
      };
    case "succeeded":
      return { happened: deliveredWords(entry), next: "" };
    case "succeeded_with_rejected":
      return { happened: deliveredWords(entry), next: FIX_ROWS };
    case "partial": {
      const rejected = rows.rejected > 0 ? ` ${rejectedWords(entry)}.` : "";
      return {
        happened: `${count(totals.delivered)} of ${counted(totals.calls, "call")} were delivered, ${count(totals.refused)} ${totals.refused === 1 ? "was" : "were"} refused for good.${rejected}`,
        next: "Look at what the destination answered, fix the cause, and replay the dead letters.",
      };
    }
    case "failed":
      return {
        happened: `It ended before anything was sent: ${why || "the reason is not known."}`,
        next: "last_sync_time has not moved: once the cause is fixed, the next run reads the same rows.",
      };
    case "skipped":
      return {
        happened: entry.skipped_by
          ? `This slot was skipped, because run ${entry.skipped_by} of the sync was still in progress.`
          : `This slot was skipped. ${why}`,
        next: "No row is lost: the next run reads what has changed since the last one that read.",
      };
    case "cancelled":
      return {
        happened: "It was interrupted before anything was sent.",
        next: "last_sync_time has not moved: the next run reads the same rows.",
      };
    case "rejected":
      return {
        happened: `A person decided against it: ${counted(rows.calls, "call")} ${rows.calls === 1 ? "was" : "were"} not sent.`,
        next:
          entry.next_last_sync_time == null
            ? "last_sync_time has not moved: the next run reads the same rows."
            : "last_sync_time has moved on: the next run does not read these rows again.",
      };
    case "lost":
      return {
        happened: `What it had kept is gone or damaged${why ? `: ${why}` : "."}`,
        next: "What destinations have not got is read again by a run of its own.",
      };
  }
}

/** `last_sync_time` as a time, if it is one: Unix seconds, or a text that is a date. */
export function syncTime(value: unknown): Date | null {
  const text = typeof value === "number" || typeof value === "string" ? String(value) : "";
  if (/^\d{9,11}(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000);
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const date = new Date(text);
    return Number.isNaN(date.getTime()) ? null : date;
  }
  return null;
}
