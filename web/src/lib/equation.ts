/** Sums that a person can check: the counts of a run, and of its delivery to one destination. */
import type { DeliveryDocument, RunDocument } from "../api/types";

export interface Term {
  label: string;
  value: number;
  tone: "good" | "bad" | "warn" | "busy" | "idle";
}

export interface Sum {
  total: { label: string; value: number };
  terms: Term[];
  /** Whether the terms add up to the total. */
  holds: boolean;
}

function sum(label: string, value: number, terms: Term[]): Sum {
  const added = terms.reduce((before, term) => before + term.value, 0);
  return { total: { label, value }, terms, holds: added === value };
}

/** `read = calls + rejected + unchanged`. */
export function rowsOf(rows: RunDocument["rows"]): Sum {
  return sum("rows read", rows.read, [
    { label: "calls", value: rows.calls, tone: "good" },
    { label: "rejected", value: rows.rejected, tone: "bad" },
    { label: "unchanged", value: rows.unchanged, tone: "idle" },
  ]);
}

/** `calls = delivered + dead letters + filtered + cancelled + discarded + pending`. */
export function callsOf(counts: DeliveryDocument): Sum {
  const terms: Term[] = [
    { label: "delivered", value: counts.delivered, tone: "good" },
    { label: "dead letters", value: counts.dead_letters, tone: "bad" },
    { label: "waiting", value: counts.pending, tone: "busy" },
    { label: "filtered", value: counts.filtered, tone: "idle" },
    { label: "cancelled", value: counts.cancelled, tone: "idle" },
    { label: "discarded", value: counts.discarded, tone: "idle" },
  ];
  // Delivered is always said; the others where there are some.
  const shown = terms.filter((term, index) => index === 0 || term.value > 0);
  return sum("calls", counts.calls, shown);
}
