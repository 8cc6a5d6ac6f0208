/** What each alert is, and what to do about it: the table of docs/OPERATING.md for people. */

export interface AlertWords {
  title: string;
  todo: string;
}

const words: Partial<Record<string, AlertWords>> = {
  sync_failing: {
    title: "Runs fail",
    todo: "Open the last run: it says what failed and what to do. Correct the query or the database.",
  },
  rows_rejected: {
    title: "Rows are rejected",
    todo: "Look at the rejected rows, correct the query or the data, and send them again.",
  },
  slots_skipped: {
    title: "Intervals are skipped",
    todo: "Runs take longer than the interval, or one of them waits. Choose a longer interval, or decide the run that waits.",
  },
  no_success: {
    title: "No run has succeeded for long",
    todo: "Open the last runs of the sync, and the destinations that it sends to.",
  },
  destination_paused: {
    title: "A destination takes no calls",
    todo: "Test the destination. Correct its key or address, or resume it if a person paused it.",
  },
  destination_degraded: {
    title: "A destination is behind",
    todo: "Nothing has to be done if it recovers: calls wait, and are sent by themselves. Test it if it does not.",
  },
  destination_skipped: {
    title: "Runs leave a destination out",
    todo: "It gets what it missed by itself once it has caught up. Test it, and look at its gaps.",
  },
  gap_query_failed: {
    title: "A gap cannot be filled",
    todo: "An earlier query of the sync does not run any more. Correct the database, or backfill with the present query.",
  },
  backlog_full: {
    title: "Too much waits",
    todo: "No destination is healthy, so the sync is skipped. Test its destinations, or give the waiting calls up.",
  },
  destination_removed: {
    title: "Calls wait for a destination that is gone",
    todo: "Add the destination again under its name, or cancel the calls on the command line.",
  },
  task_failed: {
    title: "A part of Outflow ended",
    todo: "It starts again by itself. If it comes back, look at the log of the process.",
  },
  disk_low: {
    title: "The disk is almost full",
    todo: "Make room on the server's disk, or keep calls for a shorter time in Settings, Retention.",
  },
  run_lost: {
    title: "Calls of a run are lost",
    todo: "A run that sends what is missing begins by itself, or backfill the destination.",
  },
  run_awaiting_approval: {
    title: "A run waits for a decision",
    todo: "Look at what it would send, and approve or reject it. Nothing of the sync runs before.",
  },
  audit_failed: {
    title: "The numbers of a run do not add up",
    todo: "Verify the run: it says which calls differ.",
  },
  clock_jumped: {
    title: "The server's clock was set",
    todo: "Check the clock of the server's machine, and its time service.",
  },
  transaction_open: {
    title: "A transaction stays open",
    todo: "End the transaction in the database: rows that it commits late could be missed.",
  },
  state_restored: {
    title: "A backup was restored",
    todo: "Run the sync once, so that it goes on from what destinations have.",
  },
  clocks_differ: {
    title: "Clocks differ",
    todo: "Check the clocks of the database's machine and of this one.",
  },
};

export function alertWords(alert: string): AlertWords {
  const title = alert.charAt(0).toUpperCase() + alert.slice(1).replaceAll("_", " ");
  return words[alert] ?? { title, todo: "The message says what happened." };
}

/** Where it is put right. */
export type AlertPlace =
  | { kind: "run"; run: string }
  | { kind: "sync"; sync: string }
  | { kind: "destination"; destination: string }
  | { kind: "settings" };

interface Known {
  syncs: readonly string[];
  destinations: readonly string[];
  held: readonly { run: number; sync: string }[];
}

/** A subject is a sync, a destination, `SYNC to DESTINATION`, or a part of the machine. */
export function placeOf(alert: string, subject: string, known: Known): AlertPlace {
  const held = known.held.find(({ sync }) => sync === subject);
  if (alert === "run_awaiting_approval" && held) return { kind: "run", run: String(held.run) };
  const destination = subject.split(" to ").at(-1)!;
  if (alert.startsWith("destination_") && known.destinations.includes(destination))
    return { kind: "destination", destination };
  const sync = subject.split(" to ")[0]!;
  if (known.syncs.includes(sync)) return { kind: "sync", sync };
  if (known.destinations.includes(destination)) return { kind: "destination", destination };
  return { kind: "settings" };
}
