/**
 * How a source is, from the last runs of its syncs: when one last read it, and whether it answers.
 * Nothing asks the database for this; a test does.
 */
import type { LastRun, Reason, StatusDocument, SyncDocument } from "../../api/types";

export interface Contact {
  sync: string;
  run: number;
  at: string;
}

export interface SourceHealth {
  state: "failing" | "healthy" | "paused" | "never";
  /** The last run that read it. */
  contact: Contact | null;
  /** The newest run that could not read it, if no later one could. */
  error: (Contact & { reason: Reason }) | null;
  syncs: number;
  /** How many of them ended badly the last time. */
  failing: number;
}

/** The codes of the database and of the query: what went wrong lies on this side. */
function isOfSource(reason: Reason | null | undefined): reason is Reason {
  return reason != null && /^[SQ]/.test(reason.code);
}

const BAD = new Set(["failed", "lost", "partial"]);

export function sourceName({ source }: Pick<SyncDocument, "source">): string {
  return source.split(".")[0]!;
}

export function databaseName({ source }: Pick<SyncDocument, "source">): string {
  return source.split(".")[1] ?? "main";
}

/** Of the syncs that are given: those of a source, or of one of its databases. */
export function healthOf(
  syncs: readonly SyncDocument[],
  status: StatusDocument | undefined,
): SourceHealth {
  const byName = new Map((status?.syncs ?? []).map((one) => [one.sync, one]));
  const last = syncs.flatMap(({ sync }) => {
    const run = byName.get(sync)?.last;
    return run ? [{ sync, run }] : [];
  });
  const isUnread = ({ run }: { run: LastRun }) => run.state === "failed" && isOfSource(run.reason);
  const contact = newest(last.filter((one) => !isUnread(one) && one.run.state !== "queued"));
  const failed = newest(last.filter(isUnread));
  const error =
    failed && (!contact || Date.parse(failed.run.started_at) > Date.parse(contact.run.started_at))
      ? { ...contactOf(failed), reason: failed.run.reason! }
      : null;
  const failing = last.filter(({ run }) => BAD.has(run.state)).length;
  const isPaused =
    syncs.length > 0 &&
    syncs.every(({ sync, paused_since: since }) => since ?? byName.get(sync)?.paused_since);
  const state = error ? "failing" : isPaused ? "paused" : contact ? "healthy" : "never";
  return { state, contact: contact && contactOf(contact), error, syncs: syncs.length, failing };
}

interface Last {
  sync: string;
  run: LastRun;
}

function newest(runs: readonly Last[]): Last | null {
  return runs.reduce<Last | null>(
    (best, one) =>
      best && Date.parse(best.run.started_at) >= Date.parse(one.run.started_at) ? best : one,
    null,
  );
}

function contactOf({ sync, run }: Last): Contact {
  return { sync, run: run.run, at: run.ended_at ?? run.started_at };
}
