/** The columns of a table of runs. */
import { Link } from "@tanstack/react-router";
import type { RunListEntry } from "../../api/types";
import { shownState, storyOf, totalsOf } from "../../lib/run-story";
import { secondsBetween } from "../../lib/time";
import { RowLink, type Column } from "../../ui/DataTable";
import { StatusChip } from "../../ui/StatusChip";
import { Count, Duration, Time } from "../../ui/values";
import { triggers } from "./triggers";

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
    cell: (entry) => <StatusChip status={shownState(entry)} tip={storyOf(entry).happened} />,
  },
  {
    id: "trigger",
    header: "Set off by",
    low: true,
    cell: ({ trigger }) => <span className="muted">{triggers[trigger]}</span>,
  },
  {
    id: "started",
    header: "Began",
    cell: ({ state, due_at: due, started_at: at }) => <Time at={state === "skipped" ? due : at} />,
  },
  {
    id: "took",
    header: "Took",
    align: "end",
    low: true,
    cell: ({ state, started_at: from, ended_at: to }) => (
      <Duration seconds={state === "skipped" ? undefined : secondsBetween(from, to)} />
    ),
  },
  { id: "read", header: "Rows", align: "end", cell: (entry) => <Number entry={entry} of="read" /> },
  {
    id: "calls",
    header: "Calls",
    align: "end",
    cell: (entry) => <Number entry={entry} of="calls" />,
  },
  {
    id: "rejected",
    header: "Rejected",
    align: "end",
    cell: (entry) =>
      entry.rows.rejected > 0 ? (
        <Link to="/runs/$run/rows" params={{ run: String(entry.run) }}>
          <Count value={entry.rows.rejected} />
        </Link>
      ) : (
        <Number entry={entry} of="rejected" />
      ),
  },
  {
    id: "refused",
    header: "Refused",
    align: "end",
    low: true,
    cell: (entry) => {
      const { refused } = totalsOf(entry);
      return refused > 0 ? (
        <Link to="/runs/$run/requests" params={{ run: String(entry.run) }}>
          <Count value={refused} />
        </Link>
      ) : (
        <span className="muted">{entry.state === "skipped" ? "–" : 0}</span>
      );
    },
  },
];

/** A slot that was skipped has no numbers; one that has nothing is quiet. */
function Number({ entry, of }: { entry: RunListEntry; of: "read" | "calls" | "rejected" }) {
  if (entry.state === "skipped") return <span className="muted">–</span>;
  const value = entry.rows[of];
  return value === 0 ? <span className="muted">0</span> : <Count value={value} />;
}

/** All columns, or all but one that is the same in each row. */
export function runColumns(without?: string): Column<RunListEntry>[] {
  return columns.filter(({ id }) => id !== without);
}
