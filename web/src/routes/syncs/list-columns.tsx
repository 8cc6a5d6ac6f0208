/** The columns of the list of syncs. */
import { Link } from "@tanstack/react-router";
import { useMay } from "../../api/queries/me";
import { useChangeDefinition } from "../../api/queries/definitions";
import { needsRole } from "../../api/permissions";
import { useProgress } from "../../api/live/progress";
import { count } from "../../lib/number";
import { Above, RowLink, type Column } from "../../ui/DataTable";
import { isManaged } from "../../ui/Managed";
import { isGoingOn } from "../../ui/status";
import { StatusChip } from "../../ui/StatusChip";
import { Toggle } from "../../ui/Toggle";
import { Count, Time } from "../../ui/values";
import { listState, type ListRow } from "./sync-list";
import css from "./syncs.module.css";

export interface Selection {
  has: (sync: string) => boolean;
  toggle: (sync: string, range: boolean) => void;
}

export function listColumns(selection: Selection): Column<ListRow>[] {
  return [
    {
      id: "select",
      header: "Select",
      bare: true,
      cell: ({ sync, isDraft }) =>
        isDraft ? null : (
          <Above>
            <input
              type="checkbox"
              className={css.check}
              aria-label={`Select ${sync.sync}`}
              checked={selection.has(sync.sync)}
              onClick={(event) => selection.toggle(sync.sync, event.shiftKey)}
              onChange={() => undefined}
            />
          </Above>
        ),
    },
    {
      id: "sync",
      header: "Sync",
      sort: ({ sync }) => sync.sync,
      cell: ({ sync, isDraft }) => (
        <div className={css.name}>
          {isDraft ? (
            <RowLink to={`/syncs/${encodeURIComponent(sync.sync)}/edit` as string}>
              {sync.sync}
            </RowLink>
          ) : (
            <RowLink to="/syncs/$sync" params={{ sync: sync.sync }}>
              {sync.sync}
            </RowLink>
          )}
          <span className={css.sub}>
            {sync.type}
            {sync.description && ` · ${sync.description}`}
          </span>
        </div>
      ),
    },
    {
      id: "enabled",
      header: "Enabled",
      sort: ({ sync }) => (sync.enabled ? 0 : 1),
      cell: (row) => (row.isDraft ? <span className="muted">–</span> : <Enabled row={row} />),
    },
    {
      id: "state",
      header: "State",
      sort: (row) => rank(row),
      cell: (row) => (row.isDraft ? <StatusChip status="draft" /> : <StateCell row={row} />),
    },
    {
      id: "flow",
      header: "Source → destinations",
      low: true,
      sort: ({ sync }) => sync.source,
      cell: ({ sync }) => (
        <span className={css.flow}>
          {sync.source} → {sync.destinations.join(", ") || "nowhere yet"}
        </span>
      ),
    },
    {
      id: "schedule",
      header: "Frequency",
      low: true,
      cell: ({ sync }) => <span className="muted nowrap">{sync.schedule || "–"}</span>,
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
      header: "Waiting",
      align: "end",
      sort: ({ status }) => -(status?.undelivered ?? 0),
      cell: ({ sync, status }) =>
        status && status.undelivered > 0 ? (
          <Link
            to="/runs"
            search={{ sync: sync.sync, state: "delivering,awaiting_approval" }}
            data-tip="Calls that no destination has settled yet"
          >
            <Count value={status.undelivered} />
          </Link>
        ) : (
          <span className="muted">0</span>
        ),
    },
    {
      id: "next",
      header: "Next run",
      sort: ({ status }) => (status?.next_due ? Date.parse(status.next_due) : null),
      cell: ({ status, sync }) =>
        sync.paused_since ? (
          <span className="muted">paused</span>
        ) : (
          <Time at={sync.enabled ? status?.next_due : null} />
        ),
    },
  ];
}

const order = [
  "failed",
  "lost",
  "stopped",
  "partial",
  "awaiting_approval",
  "succeeded_with_rejected",
];

function rank(row: ListRow): number {
  const at = order.indexOf(listState(row));
  return at < 0 ? order.length : at;
}

/** The state; while a run goes on, how far it is; where something is wrong, why. */
function StateCell({ row }: { row: ListRow }) {
  const last = row.status?.last;
  const state = listState(row);
  return (
    <div className={css.state}>
      <StatusChip status={state} tip={last?.reason?.message} />
      {last && isGoingOn(state) && <Far run={last.run} />}
      {row.stopped.length > 0 && (
        <span className={css.why}>{row.stopped.join(", ")} takes no calls; they wait</span>
      )}
      {last?.reason && state !== "paused" && (
        <span className={css.why}>
          {last.reason.code}: {last.reason.message}
        </span>
      )}
    </div>
  );
}

function Far({ run }: { run: number }) {
  const progress = useProgress(run);
  if (!progress) return null;
  const all = Object.values(progress.destinations);
  const calls = all.reduce((sum, one) => sum + one.calls, 0);
  const settled = all.reduce((sum, one) => sum + one.calls - one.pending, 0);
  const text =
    calls > 0 ? `${count(settled)} of ${count(calls)} calls` : `${count(progress.rows)} rows`;
  return (
    <span className={css.why}>
      {text}
      {calls > 0 && <progress className={css.bar} max={calls} value={settled} aria-label={text} />}
    </span>
  );
}

function Enabled({ row }: { row: ListRow }) {
  const { sync } = row.sync;
  const may = useMay("project.write");
  const change = useChangeDefinition("sync", sync);
  const managed = isManaged(row.definition) && `${row.definition?.managed_by ?? "a file"} says it`;
  const version = row.definition?.version;
  return (
    <Above>
      <Toggle
        label={`${sync} enabled`}
        checked={change.isPending ? !row.sync.enabled : row.sync.enabled}
        pending={change.isPending}
        disabledReason={managed || (!may && needsRole("project.write"))}
        onChange={(enabled) =>
          change.mutate({ patch: { enabled }, ...(version === undefined ? {} : { version }) })
        }
      />
    </Above>
  );
}
