/** All sources with their databases. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Database, Plus } from "lucide-react";
import { useMay } from "../../api/queries/me";
import { sourcesQuery } from "../../api/queries/sources";
import { syncsQuery } from "../../api/queries/syncs";
import type { DatabaseDocument } from "../../api/types";
import { matches, type ListSearch } from "../../lib/search";
import { LinkButton } from "../../ui/Button";
import { DataTable, RowLink, type Column } from "../../ui/DataTable";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Count } from "../../ui/values";
import { sourceTypeName } from "./source-types";

export const Route = createLazyRoute("/app/sources")({ component: SourcesScreen });

interface Row {
  source: string;
  type: string;
  databases: DatabaseDocument[];
  syncs: number;
}

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
    id: "type",
    header: "Type",
    sort: ({ type }) => type,
    cell: ({ type }) => sourceTypeName(type),
  },
  {
    id: "databases",
    header: "Databases",
    cell: ({ databases }) => databases.map(({ database }) => database).join(", "),
  },
  {
    id: "address",
    header: "Address",
    low: true,
    cell: ({ databases }) => <code>{databases.map(({ address }) => address).join(", ")}</code>,
  },
  {
    id: "syncs",
    header: "Syncs",
    align: "end",
    sort: ({ syncs }) => syncs,
    cell: ({ syncs }) => <Count value={syncs} />,
  },
];

function SourcesScreen() {
  const { filter, sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: ListSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const query = useQuery(sourcesQuery);
  const syncs = useQuery(syncsQuery).data?.syncs ?? [];
  const mayWrite = useMay("project.write");
  const add = (
    <LinkButton to="/sources/new" look="primary" icon={Plus}>
      Add Source
    </LinkButton>
  );
  const rows = (items: DatabaseDocument[]): Row[] =>
    [...Map.groupBy(items, ({ source }) => source)].map(([source, databases]) => ({
      source,
      type: databases[0]!.type,
      databases,
      syncs: syncs.filter((sync) => sync.source.split(".")[0] === source).length,
    }));
  return (
    <Page
      title="Sources"
      description="Databases that Outflow reads with an account that cannot write."
      actions={mayWrite && add}
    >
      <ListTools
        label="Filter sources"
        value={filter}
        onChange={(value) => set({ filter: value })}
      />
      <SectionCard>
        <Loaded query={query} permission="project.read">
          {({ items }) => (
            <DataTable
              label="Sources"
              noun="source"
              columns={columns}
              rows={rows(items).filter((row) => matches(filter, row.source, row.type))}
              rowKey={({ source }) => source}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              empty={
                filter ? (
                  <EmptyState icon={Database} title="No source fits">
                    No source has “{filter}” in its name or type.
                  </EmptyState>
                ) : (
                  <EmptyState
                    icon={Database}
                    title="No sources yet"
                    action={mayWrite && add}
                    command="outflow source setup-sql warehouse"
                  >
                    Use an account that only reads, and a replica if there is one.
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
