/** The query of a sync, and how it came to be: its versions, compared and restored. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { RotateCcw } from "lucide-react";
import { api, ask, ifVersion } from "../../api/client";
import { keys } from "../../api/keys";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { definitionQuery, versionsQuery } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { syncQuery } from "../../api/queries/syncs";
import type { DefinitionDocument } from "../../api/types";
import { usePreferences } from "../../lib/preferences";
import { short } from "../../lib/time";
import { toYaml } from "../../lib/yaml";
import { Button } from "../../ui/Button";
import { CodeBlock, DiffView } from "../../ui/Code";
import { DataTable, moreOf, type Column } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { isManaged } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { Select } from "../../ui/Select";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { actorName } from "../definition/actor";
import { EditLink } from "./EditLink";
import css from "./syncs.module.css";

export const Route = createLazyRoute("/app/syncs/$sync/query")({ component: QueryTab });

function QueryTab() {
  const { sync } = Route.useParams();
  const detail = useQuery(syncQuery(sync)).data;
  const versions = useInfiniteQuery(versionsQuery("sync", sync));
  return (
    <>
      {detail && (
        <SectionCard
          title="Query"
          text="{{last_sync_time}} is the time at which the run before began."
          actions={
            <EditLink sync={sync} step="query" small>
              Edit query
            </EditLink>
          }
          padded
        >
          <CodeBlock text={detail.query} label="Copy SQL" />
        </SectionCard>
      )}
      <Loaded query={versions} permission="project.read">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          return (
            <>
              {items.length > 1 && <Compare versions={items} />}
              <SectionCard title="Versions">
                <DataTable
                  label="Versions"
                  noun="version"
                  columns={columns}
                  rows={items}
                  rowKey={({ version }) => version}
                  more={moreOf(versions)}
                />
              </SectionCard>
            </>
          );
        }}
      </Loaded>
    </>
  );
}

const columns: Column<DefinitionDocument>[] = [
  { id: "version", header: "Version", cell: ({ version }) => version },
  { id: "at", header: "Changed", cell: ({ at }) => <Time at={at} /> },
  { id: "by", header: "By", cell: ({ by }) => actorName(by) },
  {
    id: "status",
    header: "State",
    cell: ({ status }) => (status ? <StatusChip status={status} plain /> : "removed"),
  },
];

function queryOf(document: DefinitionDocument | undefined): string | undefined {
  const query = (document?.value as { query?: unknown } | undefined)?.query;
  return typeof query === "string" ? query : undefined;
}

/** Two versions: the query line by line, then everything else. */
function Compare({ versions }: { versions: readonly DefinitionDocument[] }) {
  const { sync } = Route.useParams();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const { zone } = usePreferences();
  const find = (version: number | undefined) => versions.find((one) => one.version === version);
  const after = find(search.to) ?? versions[0]!;
  const before = find(search.from) ?? versions.find(({ version }) => version < after.version);
  const options = versions.map(({ version, at, by }) => ({
    value: String(version),
    label: `Version ${version}`,
    hint: `${short(new Date(at), zone)}, ${actorName(by)}`,
  }));
  const set = (change: { from?: number; to?: number }) =>
    void navigate({
      search: (old) => ({ ...old, ...change }),
      replace: true,
      resetScroll: false,
    });
  const [old, now] = [queryOf(before), queryOf(after)];
  const rest = (one: DefinitionDocument | undefined) => {
    const all = Object.entries((one?.value ?? {}) as Record<string, unknown>);
    return toYaml(Object.fromEntries(all.filter(([key]) => key !== "query")));
  };
  return (
    <SectionCard title="Compare" text="What one version changed about another." padded>
      <div className="stack">
        <div className={css.versions}>
          <Select
            label="From"
            name="from"
            options={options}
            value={before ? String(before.version) : null}
            onChange={(value) => set({ from: Number(value) })}
          />
          <Select
            label="To"
            name="to"
            options={options}
            value={String(after.version)}
            onChange={(value) => set({ to: Number(value) })}
          />
          {before && <Restore key={before.version} sync={sync} version={before.version} />}
        </div>
        {old !== now && (
          <>
            <h3>Query</h3>
            <DiffView before={old ?? ""} after={now ?? ""} label="What changed in the query" />
          </>
        )}
        {rest(before) !== rest(after) && (
          <>
            <h3>Everything else</h3>
            <DiffView before={rest(before)} after={rest(after)} label="What else changed" />
          </>
        )}
        {old === now && rest(before) === rest(after) && (
          <p className="muted">These two versions say the same.</p>
        )}
      </div>
    </SectionCard>
  );
}

/** Says again what a version said: a new version. It can be undone in the same way. */
function Restore({ sync, version }: { sync: string; version: number }) {
  const client = useQueryClient();
  const may = useMay("project.write");
  const current = useQuery(definitionQuery("sync", sync)).data?.value;
  const restore = useMutation({
    mutationFn: () =>
      ask(
        api.POST("/api/v1/syncs/{sync}/versions/{version}/restore", {
          params: { path: { sync, version }, header: ifVersion(current?.version) },
        }),
      ),
    onSettled: () =>
      Promise.all(
        [keys.definitions, keys.syncs].map((queryKey) => client.invalidateQueries({ queryKey })),
      ),
  });
  const managed = isManaged(current) && "It is managed by a file: change it there";
  return (
    <>
      <Button
        icon={RotateCcw}
        pending={restore.isPending}
        disabledReason={managed || (!may && needsRole("project.write"))}
        onClick={() => restore.mutate()}
      >
        Restore version {version}
      </Button>
      {restore.data && (
        <Notice
          tone="good"
          title={`Version ${restore.data.version} says what ${version} said`}
          live
        />
      )}
      {restore.error && (
        <Notice tone="bad" title={toProblem(restore.error).title} live>
          {toProblem(restore.error).detail}
        </Notice>
      )}
    </>
  );
}
