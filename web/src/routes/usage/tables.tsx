/** The tables of the usage: every number leads to what it counts. */
import { Link } from "@tanstack/react-router";
import { ChartColumn } from "lucide-react";
import type { UsageDocument } from "../../api/types";
import { percent } from "../../lib/number";
import { DataTable } from "../../ui/DataTable";
import { EmptyState } from "../../ui/states";
import { Count } from "../../ui/values";
import type { Day, Line } from "./usage";

const nothing = (
  <EmptyState icon={ChartColumn} title="Nothing was sent" command="outflow usage">
    No call was sent in this month.
  </EmptyState>
);

export function DaysTable({ days }: { days: readonly Day[] }) {
  return (
    <DataTable
      label="Calls a day"
      rows={days}
      rowKey={({ day }) => day}
      columns={[
        { id: "day", header: "Day (UTC)", cell: ({ day }) => <time dateTime={day}>{day}</time> },
        { id: "calls", header: "Calls", align: "end", cell: (day) => <Count value={day.calls} /> },
        {
          id: "delivered",
          header: "Delivered",
          align: "end",
          cell: (day) => <Count value={day.delivered} />,
        },
        {
          id: "dead",
          header: "Dead letters",
          align: "end",
          cell: (day) => <Count value={day.dead} />,
        },
      ]}
    />
  );
}

interface LinesProps {
  month: string;
  lines: readonly Line[];
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
}

export function LinesTable({ month, lines, sort, onSort }: LinesProps) {
  const all = lines.reduce((sum, { calls }) => sum + calls, 0);
  return (
    <DataTable
      label={`Calls in ${month}`}
      noun="line"
      rows={lines}
      rowKey={({ key }) => key}
      sort={sort}
      onSort={onSort}
      columns={[
        {
          id: "sync",
          header: "Sync",
          sort: ({ sync }) => sync,
          cell: ({ sync }) => (
            <Link to="/syncs/$sync/runs" params={{ sync }}>
              {sync}
            </Link>
          ),
        },
        {
          id: "destination",
          header: "Destination",
          sort: ({ destination }) => destination,
          cell: ({ destination }) => (
            <Link to="/destinations/$destination" params={{ destination }}>
              {destination}
            </Link>
          ),
        },
        {
          id: "type",
          header: "Type",
          low: true,
          sort: ({ type }) => type,
          cell: ({ type }) => type,
        },
        {
          id: "calls",
          header: "Calls",
          align: "end",
          sort: ({ calls }) => calls,
          cell: ({ calls }) => <Count value={calls} />,
        },
        {
          id: "share",
          header: "Share",
          align: "end",
          low: true,
          cell: ({ calls }) => percent(calls, all),
        },
        {
          id: "delivered",
          header: "Delivered",
          align: "end",
          sort: ({ delivered }) => delivered,
          cell: ({ delivered }) => <Count value={delivered} />,
        },
        {
          id: "dead",
          header: "Dead letters",
          align: "end",
          sort: ({ dead }) => dead,
          cell: ({ sync, dead }) =>
            dead === 0 ? (
              <Count value={0} />
            ) : (
              <Link to="/syncs/$sync/runs" params={{ sync }}>
                <Count value={dead} />
              </Link>
            ),
        },
      ]}
      empty={nothing}
    />
  );
}

export function ReadTable({ read }: { read: UsageDocument["read"] }) {
  return (
    <DataTable
      label="Rows read"
      rows={read}
      rowKey={({ sync }) => sync}
      columns={[
        {
          id: "sync",
          header: "Sync",
          cell: ({ sync }) => (
            <Link to="/syncs/$sync/runs" params={{ sync }}>
              {sync}
            </Link>
          ),
        },
        { id: "runs", header: "Runs", align: "end", cell: ({ runs }) => <Count value={runs} /> },
        { id: "rows", header: "Rows", align: "end", cell: ({ rows }) => <Count value={rows} /> },
        {
          id: "mean",
          header: "Rows a run",
          align: "end",
          cell: ({ rows, runs }) => <Count value={runs === 0 ? null : Math.round(rows / runs)} />,
        },
      ]}
      empty={nothing}
    />
  );
}
