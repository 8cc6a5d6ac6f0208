/** Is my data flowing? Every sync with its last run. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { syncColumns, syncRows } from "../syncs/sync-rows";

export const Route = createLazyRoute("/app/")({ component: HomeScreen });

function HomeScreen() {
  const status = useQuery(statusQuery);
  const syncs = useQuery(syncsQuery);
  return (
    <Page title="Home">
      <SectionCard title="Syncs">
        <Loaded query={syncs} permission="project.read">
          {(data) => (
            <DataTable
              label="Syncs"
              columns={syncColumns}
              rows={syncRows(data.syncs, status.data)}
              rowKey={({ sync }) => sync.sync}
            />
          )}
        </Loaded>
      </SectionCard>
    </Page>
  );
}
