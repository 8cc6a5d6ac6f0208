/** A sync with how it is: for the tables of home and of the list. */
import { Link } from "@tanstack/react-router";
import type { StatusDocument, SyncDocument, SyncStatus } from "../../api/types";
import { RowLink, type Column } from "../../ui/DataTable";
import { StatusChip } from "../../ui/StatusChip";
import { Count, Time } from "../../ui/values";

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
const order = [
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

function rank(row: SyncRow): number {
  const at = order.indexOf(stateOf(row));
  return at < 0 ? order.length : at;
}

export const syncColumns: Column<SyncRow>[] = [
  {
    id: "sync",
    header: "Sync",
    sort: ({ sync }) => sync.sync,
    cell: ({ sync }) => (
      <RowLink to="/syncs/$sync" params={{ sync: sync.sync }}>
        {sync.sync}
      </RowLink>
    ),
  },
  {
    id: "state",
    header: "State",
    sort: rank,
    cell: (row) => <StatusChip status={stateOf(row)} tip={row.status?.last?.reason?.message} />,
  },
  {
    id: "flow",
    header: "From and to",
    low: true,
    sort: ({ sync }) => sync.source,
    cell: ({ sync }) => (
      <span className="muted">
        {sync.source} → {sync.destinations.join(", ") || "nowhere yet"}
      </span>
    ),
  },
  {
    id: "type",
    header: "Type",
    low: true,
    sort: ({ sync }) => sync.type,
    cell: ({ sync }) => <span className="muted">{sync.type}</span>,
  },
  {
    id: "schedule",
    header: "Schedule",
    low: true,
    cell: ({ sync }) => <span className="muted">{sync.schedule}</span>,
  },
  {
    id: "last",
    header: "Last run",
    sort: ({ status }) => (status?.last ? -Date.parse(status.last.started_at) : null),
    cell: ({ status }) =>
      status?.last ? (
        <Link to="/runs/$run" params={{ run: String(status.last.run) }}>
          <Time at={status.last.started_at} />
        </Link>
      ) : (
        <span className="muted">–</span>
      ),
  },
  {
    id: "waiting",
    header: "Calls waiting",
    align: "end",
    sort: ({ status }) => -(status?.undelivered ?? 0),
    cell: ({ status }) => <Count value={status?.undelivered ?? 0} />,
  },
  {
    id: "next",
    header: "Next run",
    sort: ({ status }) => (status?.next_due ? Date.parse(status.next_due) : null),
    cell: ({ status }) => <Time at={status?.next_due} />,
  },
];
