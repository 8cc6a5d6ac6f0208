/** The columns of a table of runs. */
import { Link } from "@tanstack/react-router";
import type { RunListEntry } from "../../api/types";
import { secondsBetween } from "../../lib/time";
import { RowLink, type Column } from "../../ui/DataTable";
import { StatusChip } from "../../ui/StatusChip";
import { Count, Duration, Time } from "../../ui/values";

const triggers: Record<RunListEntry["trigger"], string> = {
  manual: "By hand",
  schedule: "Schedule",
  replay: "Replay",
  gap: "Fills a gap",
};

const columns: Column<RunListEntry>[] = [
  {
    id: "run",
    header: "Run",
    cell: ({ run }) => (
      <RowLink to="/runs/$run" params={{ run: String(run) }}>
        {run}
      </RowLink>
    ),
  },
  {
    id: "sync",
    header: "Sync",
    cell: ({ sync }) => (
      <Link to="/syncs/$sync" params={{ sync }}>
        {sync}
      </Link>
    ),
  },
  {
    id: "state",
    header: "State",
    cell: ({ state, reason }) => <StatusChip status={state} tip={reason?.message} />,
  },
  {
    id: "trigger",
    header: "Set off by",
    low: true,
    cell: ({ trigger }) => <span className="muted">{triggers[trigger]}</span>,
  },
  { id: "started", header: "Began", cell: ({ started_at: at }) => <Time at={at} /> },
  {
    id: "took",
    header: "Took",
    align: "end",
    low: true,
    cell: ({ state, started_at: from, ended_at: to }) => (
      <Duration seconds={state === "skipped" ? undefined : secondsBetween(from, to)} />
    ),
  },
  { id: "read", header: "Rows", align: "end", cell: ({ rows }) => <Count value={rows.read} /> },
  { id: "calls", header: "Calls", align: "end", cell: ({ rows }) => <Count value={rows.calls} /> },
  {
    id: "rejected",
    header: "Rejected",
    align: "end",
    cell: ({ run, rows }) =>
      rows.rejected > 0 ? (
        <Link to="/runs/$run/rows" params={{ run: String(run) }}>
          <Count value={rows.rejected} />
        </Link>
      ) : (
        <span className="muted">0</span>
      ),
  },
];

/** All columns, or all but one that is the same in each row. */
export function runColumns(without?: string): Column<RunListEntry>[] {
  return columns.filter(({ id }) => id !== without);
}
