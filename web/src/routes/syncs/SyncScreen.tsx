/** One sync: its title, what can be done with it, and its tabs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Outlet, useNavigate } from "@tanstack/react-router";
import { Pause, Play } from "lucide-react";
import { useMay } from "../../api/queries/me";
import { syncQuery, usePauseSync, useStartRun } from "../../api/queries/syncs";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import type { SyncDetail } from "../../api/types";
import { Button } from "../../ui/Button";
import { CopyMenu } from "../../ui/CopyMenu";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { Crumb, Page, Tab, Tabs } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";

export const Route = createLazyRoute("/app/syncs/$sync")({ component: SyncScreen });

function SyncScreen() {
  const { sync } = Route.useParams();
  const query = useQuery(syncQuery(sync));
  return (
    <Loaded query={query} what={`The sync ${sync}`} permission="project.read">
      {(detail) => <Frame detail={detail} />}
    </Loaded>
  );
}

function Frame({ detail }: { detail: SyncDetail }) {
  const { sync } = detail;
  const params = { sync };
  const start = useStartRun();
  const pause = usePauseSync();
  const navigate = useNavigate();
  const [mayRun, mayPause] = [useMay("runs.start"), useMay("pauses.write")];
  const isPaused = detail.paused_since != null;
  const run = () =>
    start.mutate({ sync }, { onSuccess: () => void navigate({ to: "/syncs/$sync/runs", params }) });
  const error = start.error ?? pause.error;
  return (
    <Page
      title={sync}
      area="Syncs"
      trail={<Crumb to="/syncs">Syncs</Crumb>}
      status={<StatusChip status={isPaused ? "paused" : detail.enabled ? "enabled" : "disabled"} />}
      description={detail.description || undefined}
      actions={
        <>
          <CopyMenu
            curl={{ method: "POST", path: `/api/v1/syncs/${sync}/runs`, body: {} }}
            command={`outflow run ${sync}`}
            json={detail}
          />
          <Button
            icon={isPaused ? Play : Pause}
            pending={pause.isPending}
            disabledReason={!mayPause && needsRole("pauses.write")}
            onClick={() => pause.mutate({ sync, pause: !isPaused })}
          >
            {isPaused ? "Resume" : "Pause"}
          </Button>
          <Button
            look="primary"
            icon={Play}
            pending={start.isPending}
            disabledReason={!mayRun && needsRole("runs.start")}
            onClick={run}
          >
            Run now
          </Button>
        </>
      }
      tabs={
        <Tabs label={`Parts of ${sync}`}>
          <Tab to="/syncs/$sync/overview" params={params}>
            Overview
          </Tab>
          <Tab to="/syncs/$sync/runs" params={params}>
            Runs
          </Tab>
          <Tab to="/syncs/$sync/query" params={params}>
            Query
          </Tab>
          <Tab to="/syncs/$sync/payload" params={params}>
            Payload
          </Tab>
          <Tab to="/syncs/$sync/schedule" params={params}>
            Schedule
          </Tab>
          <Tab to="/syncs/$sync/settings" params={params}>
            Settings
          </Tab>
        </Tabs>
      }
    >
      {error && (
        <Notice tone="bad" title={toProblem(error).title} live>
          {toProblem(error).detail}
        </Notice>
      )}
      <Outlet />
    </Page>
  );
}
