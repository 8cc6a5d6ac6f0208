/** The syncs of a source, and adding one. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Plus, RefreshCw } from "lucide-react";
import { useMay } from "../../api/queries/me";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import { matches, type ListSearch } from "../../lib/search";
import { LinkButton } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { syncRows } from "../../lib/sync-state";
import { syncColumns } from "../syncs/sync-rows";
import { sourceName } from "./health";

export const Route = createLazyRoute("/app/sources/$source/syncs")({ component: SyncsTab });

function SyncsTab() {
  const { source } = Route.useParams();
  const { filter, sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: ListSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const query = useQuery(syncsQuery);
  const status = useQuery(statusQuery).data;
  const mayWrite = useMay("project.write");
  return (
    <>
      <ListTools label="Filter syncs" value={filter} onChange={(value) => set({ filter: value })} />
      <SectionCard>
        <Loaded query={query} permission="project.read">
          {({ syncs }) => (
            <DataTable
              label={`Syncs of ${source}`}
              noun="sync"
              columns={syncColumns}
              rows={syncRows(
                syncs.filter(
                  (sync) =>
                    sourceName(sync) === source &&
                    matches(filter, sync.sync, sync.type, sync.description, sync.source),
                ),
                status,
              )}
              rowKey={({ sync }) => sync.sync}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              empty={
                filter ? (
                  <EmptyState icon={RefreshCw} title="No sync fits">
                    No sync of {source} has “{filter}” in its name, type or description.
                  </EmptyState>
                ) : (
                  <EmptyState
                    icon={RefreshCw}
                    title="No syncs yet"
                    action={
                      mayWrite && (
                        <LinkButton
                          to="/sources/$source/add-sync"
                          params={{ source }}
                          look="primary"
                          icon={Plus}
                        >
                          Add Sync
                        </LinkButton>
                      )
                    }
                  >
                    A sync says which rows are read, how often, and what they become.
                  </EmptyState>
                )
              }
            />
          )}
        </Loaded>
      </SectionCard>
    </>
  );
}
