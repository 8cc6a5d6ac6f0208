/** The rows that could not become a call: grouped by cause, then each with its values. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { createLazyRoute, Link, type NavigateOptions } from "@tanstack/react-router";
import { CircleCheck, RotateCw } from "lucide-react";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { rejectedQuery } from "../../api/queries/run-actions";
import type { FindingGroup, Rejection } from "../../api/types";
import { classes } from "../../lib/classes";
import { count, counted } from "../../lib/number";
import { Button } from "../../ui/Button";
import { DataTable, moreOf, RowLink, type Column } from "../../ui/DataTable";
import { DownloadMenu } from "../../ui/DownloadMenu";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { EditLink } from "../syncs/EditLink";
import { Group, Groups } from "./Group";
import { ReplayDialog, type ReplayScope } from "./ReplayDialog";
import { RowDialog } from "./RowDialog";
import { useRunView } from "./run-context";
import css from "./runs.module.css";

export const Route = createLazyRoute("/app/runs/$run/rows")({ component: RowsTab });

const PAGE = 500;

function RowsTab() {
  const { entry } = useRunView();
  const { run } = entry;
  const { code, row } = Route.useSearch();
  const navigate = Route.useNavigate();
  const [scope, setScope] = useState<ReplayScope | null>(null);
  const query = useInfiniteQuery(rejectedQuery(run, code));
  const may = useMay("rows.read");
  const show = (at: number | undefined) =>
    void navigate({ search: (before) => ({ ...before, row: at }), resetScroll: false });
  return (
    <Loaded query={query} permission="rows.read">
      {({ pages }) => {
        const rows = pages.flatMap((page) => page.items);
        const groups = pages[0]?.findings ?? [];
        const opened = rows.find(({ ordinal }) => ordinal === row);
        return (
          <>
            {groups.length > 0 && (
              <SectionCard title="Why" text="Rows by cause. Fix a cause once, and send all of it.">
                <Groups label="Causes">
                  {groups.map((group) => (
                    <Cause
                      key={`${group.code} ${group.column ?? ""}`}
                      group={group}
                      run={run}
                      sync={entry.sync}
                      isChosen={code === group.code}
                      onSend={setScope}
                    />
                  ))}
                </Groups>
              </SectionCard>
            )}
            <SectionCard
              title="Rows"
              text={
                code ? `Rejected with ${code}` : "Each with its values as the database gave them"
              }
              actions={
                <>
                  {code && (
                    <Link to="/runs/$run/rows" params={{ run: String(run) }}>
                      All causes
                    </Link>
                  )}
                  <DownloadMenu
                    name={`run-${run}-rejected${code ? `-${code}` : ""}`}
                    noun="row"
                    disabledReason={!may && needsRole("rows.read")}
                    page={async (cursor, signal) => {
                      const query = {
                        limit: PAGE,
                        ...(code ? { code } : {}),
                        ...(cursor ? { cursor } : {}),
                      };
                      const params = { path: { run }, query };
                      const page = await ask(
                        api.GET("/api/v1/runs/{run}/rejected", { params, signal }),
                      );
                      return { items: page.items, next: page.next_cursor ?? null };
                    }}
                    flat={({ ordinal, code: why, column, reason, row: values }) => ({
                      outflow_row: ordinal + 1,
                      outflow_code: why,
                      outflow_column: column ?? null,
                      outflow_reason: reason,
                      ...(values as Record<string, unknown>),
                    })}
                  />
                </>
              }
            >
              <DataTable
                label="Rejected rows"
                noun="row"
                rows={rows}
                rowKey={({ ordinal }) => ordinal}
                more={moreOf(query)}
                columns={columns}
                empty={
                  <EmptyState icon={CircleCheck} title="No rejected rows">
                    Every row of this run became a call, or was the same as before.
                  </EmptyState>
                }
              />
            </SectionCard>
            {opened && <RowDialog rejection={opened} onClose={() => show(undefined)} />}
            {scope && <ReplayDialog entry={entry} scope={scope} onClose={() => setScope(null)} />}
          </>
        );
      }}
    </Loaded>
  );
}

const columns: Column<Rejection>[] = [
  {
    id: "row",
    header: "Row",
    cell: ({ ordinal }) => (
      <RowLink
        from="/runs/$run/rows"
        to="."
        search={
          ((before: object) => ({ ...before, row: ordinal })) as NavigateOptions["search"] as never
        }
        resetScroll={false}
      >
        <span className="nowrap">{count(ordinal + 1)}</span>
      </RowLink>
    ),
  },
  { id: "code", header: "Code", cell: (row) => <code>{row.code}</code> },
  { id: "column", header: "Column", cell: ({ column }) => column ?? "–" },
  { id: "value", header: "Value", cell: (row) => <Value rejection={row} /> },
  {
    id: "reason",
    header: "Reason",
    cell: ({ reason }) => <span className={css.clip}>{reason}</span>,
  },
  {
    id: "values",
    header: "Values",
    low: true,
    cell: ({ row }) => (
      <span className={classes(css.clip, css.short, "muted")}>
        {Object.entries(row as Record<string, string | null>)
          .map(([name, value]) => `${name}: ${value ?? "NULL"}`)
          .join(", ")}
      </span>
    ),
  },
];

function Value({ rejection }: { rejection: Rejection }) {
  const { column, row } = rejection;
  if (!column) return <span className="muted">–</span>;
  const value = (row as Record<string, string | null>)[column];
  if (value === undefined) return <span className="muted">not in the row</span>;
  if (value === null) return <span className={css.null}>NULL</span>;
  if (value.trim() === "") return <span className={css.null}>blank</span>;
  return <code className={css.value}>{value}</code>;
}

interface CauseProps {
  group: FindingGroup;
  run: number;
  sync: string;
  isChosen: boolean;
  onSend: (scope: ReplayScope) => void;
}

function Cause({ group, run, sync, isChosen, onSend }: CauseProps) {
  const may = useMay("runs.start");
  const { code, column, rows, sent, title, first } = group;
  return (
    <Group
      isChosen={isChosen}
      count={
        sent ? (
          <span className="num">{counted(rows, "row")}</span>
        ) : (
          <Link to="/runs/$run/rows" params={{ run: String(run) }} search={{ code }}>
            {counted(rows, "row")}
          </Link>
        )
      }
      title={
        <>
          {title}
          {column && (
            <>
              {" "}
              (<code>{column}</code>)
            </>
          )}
        </>
      }
      actions={
        !sent && (
          <>
            <EditLink sync={sync} step="query" small>
              Edit query
            </EditLink>
            <Button
              small
              icon={RotateCw}
              disabledReason={!may && needsRole("runs.start")}
              onClick={() =>
                onSend({
                  what: "rejected",
                  code,
                  words: `${counted(rows, "rejected row")} with ${code}`,
                })
              }
            >
              Fix and send again
            </Button>
          </>
        )
      }
    >
      <code>{code}</code> {sent ? "These rows were sent all the same. " : ""}
      {first?.reason ?? ""}
    </Group>
  );
}
