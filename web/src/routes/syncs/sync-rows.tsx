/** The columns of a table of syncs. */
import { Link } from "@tanstack/react-router";
import { rankOf, stateOf, type SyncRow } from "../../lib/sync-state";
import { RowLink, type Column } from "../../ui/DataTable";
import { StatusChip } from "../../ui/StatusChip";
import { Count, Time } from "../../ui/values";

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
    sort: rankOf,
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
    cell: ({ status }) => <Time at={status?.next_due} none="not by itself" />,
  },
];
