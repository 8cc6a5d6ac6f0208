/** One destination: its title, its pause, and its tabs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Outlet } from "@tanstack/react-router";
import { Pause, Play } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { definitionQuery } from "../../api/queries/definitions";
import { destinationsQuery, usePauseDestination } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import { Button } from "../../ui/Button";
import { CopyMenu } from "../../ui/CopyMenu";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { Crumb, Page, Tab, Tabs } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";

export const Route = createLazyRoute("/app/destinations/$destination")({
  component: DestinationScreen,
});

function DestinationScreen() {
  const { destination } = Route.useParams();
  const query = useQuery(definitionQuery("destination", destination));
  const known = useQuery(destinationsQuery).data?.items.find(
    (one) => one.destination === destination,
  );
  const isPaused = known?.paused_since != null;
  const pause = usePauseDestination();
  const mayPause = useMay("pauses.write");
  const params = { destination };
  return (
    <Loaded query={query} what={`The destination ${destination}`} permission="project.read">
      {({ value }) => (
        <Page
          title={destination}
          area="Destinations"
          trail={<Crumb to="/destinations">Destinations</Crumb>}
          status={isPaused && <StatusChip status="paused" />}
          actions={
            <>
              <CopyMenu
                json={value.value}
                command={`outflow destination test ${destination}`}
                curl={{
                  method: "POST",
                  path: `/api/v1/destinations/${destination}/test`,
                  body: {},
                }}
              />
              {known && (
                <Button
                  icon={isPaused ? Play : Pause}
                  pending={pause.isPending}
                  disabledReason={!mayPause && needsRole("pauses.write")}
                  onClick={() => pause.mutate({ destination, pause: !isPaused })}
                >
                  {isPaused ? "Resume" : "Pause"}
                </Button>
              )}
            </>
          }
          tabs={
            <Tabs label={`Parts of ${destination}`}>
              <Tab to="/destinations/$destination/overview" params={params}>
                Overview
              </Tab>
              <Tab to="/destinations/$destination/mapping" params={params}>
                Mapping
              </Tab>
              <Tab to="/destinations/$destination/test" params={params}>
                Test
              </Tab>
              <Tab to="/destinations/$destination/settings" params={params}>
                Settings
              </Tab>
            </Tabs>
          }
        >
          {pause.error && (
            <Notice tone="bad" title={toProblem(pause.error).title} live>
              {toProblem(pause.error).detail}
            </Notice>
          )}
          <Outlet />
        </Page>
      )}
    </Loaded>
  );
}
