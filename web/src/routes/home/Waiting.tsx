/** What waits where, and which syncs run next. */
import { Link } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import type { StatusDocument, WaitingCalls } from "../../api/types";
import { DataTable, type Column } from "../../ui/DataTable";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Count, Time } from "../../ui/values";
import css from "./home.module.css";

/** Why calls wait: the destination has stopped, the run is held, or they are on their way. */
function reasonOf(waiting: WaitingCalls, status: StatusDocument): string {
  if (waiting.stopped) return "stopped";
  const isPaused = (status.paused ?? []).some((one) => one.destination === waiting.destination);
  if (isPaused) return "paused";
  const isHeld = (status.held ?? []).some(({ sync }) => sync === waiting.sync);
  return isHeld ? "awaiting_approval" : "delivering";
}

export function Waiting({ status }: { status: StatusDocument }) {
  const columns: Column<WaitingCalls>[] = [
    {
      id: "destination",
      header: "Destination",
      cell: ({ destination }) => (
        <Link to="/destinations/$destination" params={{ destination }}>
          {destination}
        </Link>
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
      id: "why",
      header: "Why",
      cell: (waiting) => (
        <StatusChip status={reasonOf(waiting, status)} tip={waiting.reason?.message} />
      ),
    },
    {
      id: "oldest",
      header: "Oldest run",
      align: "end",
      cell: ({ oldest }) =>
        oldest == null ? (
          "–"
        ) : (
          <Link to="/runs/$run" params={{ run: String(oldest) }}>
            {oldest}
          </Link>
        ),
    },
    { id: "calls", header: "Calls", align: "end", cell: ({ calls }) => <Count value={calls} /> },
  ];
  return (
    <SectionCard title="What waits where">
      <DataTable
        label="What waits where"
        columns={columns}
        rows={status.waiting}
        rowKey={({ sync, destination }) => `${sync} ${destination}`}
        empty={
          <p className={css.calm}>
            <CircleCheck size={16} aria-hidden />
            No call waits.
          </p>
        }
      />
    </SectionCard>
  );
}

const MOST_NEXT = 6;

export function NextRuns({ status }: { status: StatusDocument }) {
  const due = status.syncs
    .filter((sync) => sync.next_due && !sync.paused_since)
    .sort((a, b) => Date.parse(a.next_due!) - Date.parse(b.next_due!))
    .slice(0, MOST_NEXT);
  return (
    <SectionCard title="Next runs">
      <DataTable
        label="Next runs"
        rows={due}
        rowKey={({ sync }) => sync}
        columns={[
          {
            id: "sync",
            header: "Sync",
            cell: ({ sync }) => (
              <Link to="/syncs/$sync/schedule" params={{ sync }}>
                {sync}
              </Link>
            ),
          },
          { id: "in", header: "When", cell: ({ next_due: at }) => <Time at={at} /> },
          {
            id: "at",
            header: "At",
            align: "end",
            cell: ({ next_due: at }) => <Time at={at} as="short" />,
          },
        ]}
        empty={<p className={css.calm}>No sync runs by itself.</p>}
      />
    </SectionCard>
  );
}
