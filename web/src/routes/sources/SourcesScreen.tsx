/** All sources: what they are, how they are, who reads them. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { Database, Plus } from "lucide-react";
import { connectionsQuery } from "../../api/queries/connections";
import { useMay } from "../../api/queries/me";
import { sourcesQuery } from "../../api/queries/sources";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import type { DatabaseDocument, StatusDocument, SyncDocument } from "../../api/types";
import { matches, type ListSearch } from "../../lib/search";
import { LinkButton } from "../../ui/Button";
import { Above, DataTable, RowLink, type Column } from "../../ui/DataTable";
import { Choice, ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { EmptyState } from "../../ui/states";
import { Count, Time } from "../../ui/values";
import { healthOf, sourceName, type SourceHealth } from "./health";
import { sourceTypeName } from "./source-types";

export const Route = createLazyRoute("/app/sources")({ component: SourcesScreen });

interface Row {
  source: string;
  type: string;
  databases: DatabaseDocument[];
  health: SourceHealth;
  destinations: number;
}

/** What is worst comes first. */
const ranks = ["failing", "never", "paused", "healthy"];

const columns: Column<Row>[] = [
  {
    id: "source",
    header: "Source",
    sort: ({ source }) => source,
    cell: ({ source }) => (
      <RowLink to="/sources/$source" params={{ source }}>
        {source}
      </RowLink>
    ),
  },
  {
    id: "state",
    header: "State",
    sort: ({ health }) => ranks.indexOf(health.state),
    cell: ({ health }) => <StatusChip status={health.state} tip={health.error?.reason.message} />,
  },
  {
    id: "type",
    header: "Type",
    sort: ({ type }) => type,
    cell: ({ type }) => <span className="nowrap">{sourceTypeName(type)}</span>,
  },
  {
    id: "databases",
    header: "Databases",
    low: true,
    cell: ({ databases }) => (
      <span className="stack-tight">
        {databases.map(({ database, address, user }) => (
          <span key={database}>
            {database} <span className="muted mono">{user ? `${user}@${address}` : address}</span>
          </span>
        ))}
      </span>
    ),
  },
  {
    id: "syncs",
    header: "Syncs",
    align: "end",
    sort: ({ health }) => health.syncs,
    cell: ({ source, health }) => (
      <Above>
        <Link to="/sources/$source/syncs" params={{ source }}>
          <Count value={health.syncs} />
          {health.failing > 0 && ` (${health.failing} failing)`}
        </Link>
      </Above>
    ),
  },
  {
    id: "destinations",
    header: "Destinations",
    align: "end",
    sort: ({ destinations }) => destinations,
    cell: ({ source, destinations }) => (
      <Above>
        <Link to="/sources/$source/destinations" params={{ source }}>
          <Count value={destinations} />
        </Link>
      </Above>
    ),
  },
  {
    id: "contact",
    header: "Last read",
    sort: ({ health }) => (health.contact ? -Date.parse(health.contact.at) : null),
    cell: ({ health }) =>
      health.contact ? (
        <Above>
          <Link to="/runs/$run" params={{ run: String(health.contact.run) }}>
            <Time at={health.contact.at} />
          </Link>
        </Above>
      ) : (
        <span className="muted">never</span>
      ),
  },
];

function rowsOf(
  items: readonly DatabaseDocument[],
  syncs: readonly SyncDocument[],
  status: StatusDocument | undefined,
  fed: ReadonlyMap<string, number>,
): Row[] {
  return [...Map.groupBy(items, ({ source }) => source)].map(([source, databases]) => ({
    source,
    type: databases[0]!.type,
    databases,
    health: healthOf(
      syncs.filter((sync) => sourceName(sync) === source),
      status,
    ),
    destinations: fed.get(source) ?? 0,
  }));
}

function SourcesScreen() {
  const { filter, sort, state } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: ListSearch & { state?: SourceHealth["state"] | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const query = useQuery(sourcesQuery);
  const syncs = useQuery(syncsQuery).data?.syncs ?? [];
  const status = useQuery(statusQuery).data;
  const connections = useQuery(connectionsQuery).data?.connections ?? [];
  const fed = new Map<string, number>();
  connections.forEach(({ source }) => fed.set(source, (fed.get(source) ?? 0) + 1));
  const mayWrite = useMay("project.write");
  const add = (
    <LinkButton to="/sources/new" look="primary" icon={Plus}>
      Add Source
    </LinkButton>
  );
  const isNarrowed = filter !== undefined || state !== undefined;
  return (
    <Page
      title="Sources"
      description="Databases that Outflow reads with an account that cannot write."
      actions={mayWrite && add}
    >
      <ListTools label="Filter sources" value={filter} onChange={(value) => set({ filter: value })}>
        <Choice<SourceHealth["state"]>
          label="State"
          value={state}
          options={[
            { value: undefined, name: "All" },
            { value: "failing", name: "Failing" },
            { value: "healthy", name: "Healthy" },
            { value: "paused", name: "Paused" },
            { value: "never", name: "Not run yet" },
          ]}
          onChange={(value) => set({ state: value })}
        />
      </ListTools>
      <SectionCard>
        <Loaded query={query} permission="project.read">
          {({ items }) => (
            <DataTable
              label="Sources"
              noun="source"
              columns={columns}
              rows={rowsOf(items, syncs, status, fed).filter(
                (row) =>
                  (state === undefined || row.health.state === state) &&
                  matches(
                    filter,
                    row.source,
                    sourceTypeName(row.type),
                    ...row.databases.flatMap(({ database, address }) => [database, address]),
                  ),
              )}
              rowKey={({ source }) => source}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              empty={
                isNarrowed ? (
                  <EmptyState
                    icon={Database}
                    title="No source fits"
                    action={
                      <LinkButton to="/sources" search={{}}>
                        Show all sources
                      </LinkButton>
                    }
                  >
                    None has this name, type, address or state.
                  </EmptyState>
                ) : (
                  <EmptyState
                    icon={Database}
                    title="No sources yet"
                    action={mayWrite && add}
                    command="outflow source setup-sql warehouse"
                  >
                    A source is a database that Outflow reads. Use an account that only reads, and a
                    replica if there is one.
                  </EmptyState>
                )
              }
            />
          )}
        </Loaded>
      </SectionCard>
    </Page>
  );
}
