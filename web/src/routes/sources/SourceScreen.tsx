/** One source: its title and its tabs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Outlet } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { definitionQuery } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { LinkButton } from "../../ui/Button";
import { CopyMenu } from "../../ui/CopyMenu";
import { Loaded } from "../../ui/Loaded";
import { Crumb, Page, Tab, Tabs } from "../../ui/Page";

export const Route = createLazyRoute("/app/sources/$source")({ component: SourceScreen });

function SourceScreen() {
  const { source } = Route.useParams();
  const query = useQuery(definitionQuery("source", source));
  const mayWrite = useMay("project.write");
  const params = { source };
  return (
    <Loaded query={query} what={`The source ${source}`} permission="project.read">
      {({ value }) => (
        <Page
          title={source}
          area="Sources"
          trail={<Crumb to="/sources">Sources</Crumb>}
          actions={
            <>
              <CopyMenu
                json={value.value}
                command={`outflow source test ${source}`}
                curl={{ method: "POST", path: `/api/v1/sources/${source}/test` }}
              />
              {mayWrite && (
                <LinkButton
                  to="/sources/$source/add-sync"
                  params={params}
                  look="primary"
                  icon={Plus}
                >
                  Add Sync
                </LinkButton>
              )}
            </>
          }
          tabs={
            <Tabs label={`Parts of ${source}`}>
              <Tab to="/sources/$source/overview" params={params}>
                Overview
              </Tab>
              <Tab to="/sources/$source/syncs" params={params}>
                Syncs
              </Tab>
              <Tab to="/sources/$source/databases" params={params}>
                Databases
              </Tab>
              <Tab to="/sources/$source/destinations" params={params}>
                Destinations
              </Tab>
              <Tab to="/sources/$source/activity" params={params}>
                Activity
              </Tab>
              <Tab to="/sources/$source/settings" params={params}>
                Settings
              </Tab>
            </Tabs>
          }
        >
          <Outlet />
        </Page>
      )}
    </Loaded>
  );
}
