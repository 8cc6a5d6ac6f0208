/** All syncs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { RefreshCw } from "lucide-react";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import { matches, type ListSearch } from "../../lib/search";
import { syncRows } from "../../lib/sync-state";
import { LinkButton } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { syncColumns } from "./sync-rows";

export const Route = createLazyRoute("/app/syncs")({ component: SyncsScreen });

function SyncsScreen() {
  const { filter, sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: ListSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const syncs = useQuery(syncsQuery);
  const status = useQuery(statusQuery);
  return (
    <Page title="Syncs" description="Each sync is a query whose rows become calls of one type.">
      <ListTools label="Filter syncs" value={filter} onChange={(value) => set({ filter: value })} />
      <SectionCard>
        <Loaded query={syncs} permission="project.read">
          {(data) => (
            <DataTable
              label="Syncs"
              noun="sync"
              columns={syncColumns}
              rows={syncRows(data.syncs, status.data).filter(({ sync }) =>
                matches(
                  filter,
                  sync.sync,
                  sync.source,
                  sync.type,
                  ...sync.destinations,
                  ...sync.tags,
                ),
              )}
              rowKey={({ sync }) => sync.sync}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              empty={
                filter ? (
                  <EmptyState icon={RefreshCw} title="No sync fits">
                    No sync has “{filter}” in its name, source, type, destinations or tags.
                  </EmptyState>
                ) : (
                  <EmptyState
                    icon={RefreshCw}
                    title="No syncs yet"
                    command="outflow init my-project"
                    action={
                      <LinkButton to="/sources" look="primary">
                        Choose a source
                      </LinkButton>
                    }
                  >
                    A sync belongs to a source: it queries one of its databases.
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
