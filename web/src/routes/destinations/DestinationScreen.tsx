/** One destination: its title, its pause, and its tabs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link, Outlet } from "@tanstack/react-router";
import { Pause, Play } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { definitionQuery } from "../../api/queries/definitions";
import { destinationsQuery, usePauseDestination } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import { statusQuery } from "../../api/queries/status";
import { Button } from "../../ui/Button";
import { CopyMenu } from "../../ui/CopyMenu";
import { Failure } from "../../ui/Failure";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { Page, Tab, Tabs } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { healthWords, rowOf } from "./health";

export const Route = createLazyRoute("/app/destinations/$destination")({
  component: DestinationScreen,
});

function DestinationScreen() {
  const { destination } = Route.useParams();
  const query = useQuery(definitionQuery("destination", destination));
  const status = useQuery(statusQuery).data;
  const known = useQuery(destinationsQuery).data?.items.find(
    (one) => one.destination === destination,
  );
  const row = known && rowOf(known, status);
  const isPaused = row?.health === "paused";
  const pause = usePauseDestination();
  const mayPause = useMay("pauses.write");
  const params = { destination };
  const toggle = known && (
    <Button
      icon={isPaused ? Play : Pause}
      look={isPaused ? "primary" : "secondary"}
      pending={pause.isPending}
      disabledReason={!mayPause && needsRole("pauses.write")}
      onClick={() => pause.mutate({ destination, pause: !isPaused })}
    >
      {isPaused ? "Resume" : "Pause"}
    </Button>
  );
  return (
    <Loaded query={query} what={`The destination ${destination}`} permission="project.read">
      {({ value }) => (
        <Page
          title={destination}
          area="Destinations"
          trail={<Link to="/destinations">Destinations</Link>}
          status={row && <StatusChip status={row.health} tip={healthWords(row)} />}
          description={known?.type}
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
              {toggle}
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
          <Failure error={pause.error} />
          {row && row.health !== "healthy" && row.health !== "unknown" && (
            <Notice
              tone={row.health === "stopped" || row.health === "failing" ? "bad" : "idle"}
              title={
                row.code ? (
                  <>
                    <code>{row.code}</code> {healthWords(row)}
                  </>
                ) : (
                  healthWords(row)
                )
              }
            />
          )}
          <Outlet />
        </Page>
      )}
    </Loaded>
  );
}
