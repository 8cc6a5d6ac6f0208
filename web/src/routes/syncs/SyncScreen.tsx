/** One sync: its title, what can be done with it, and its tabs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link, Outlet, useNavigate } from "@tanstack/react-router";
import { ChevronDown, Pause, Play, Undo2 } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { useMay } from "../../api/queries/me";
import { syncQuery } from "../../api/queries/syncs";
import { usePauseSync, useStartRun } from "../../api/queries/sync-actions";
import type { components } from "../../api/schema";
import type { SyncDetail } from "../../api/types";
import { Button, IconButton } from "../../ui/Button";
import { CopyMenu } from "../../ui/CopyMenu";
import { Loaded } from "../../ui/Loaded";
import { Menu, MenuItem } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { Page, Tab, Tabs } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { EditLink } from "./EditLink";
import { stateOfSync } from "./health";
import { RunDialog } from "./RunDialog";

export const Route = createLazyRoute("/app/syncs/$sync")({ component: SyncScreen });

type Started = components["schemas"]["StartedRun"];

function SyncScreen() {
  const { sync } = Route.useParams();
  const query = useQuery(syncQuery(sync));
  return (
    <Loaded query={query} what={`The sync ${sync}`} permission="project.read">
      {(detail) => <Frame key={sync} detail={detail} />}
    </Loaded>
  );
}

function Frame({ detail }: { detail: SyncDetail }) {
  const { sync } = detail;
  const params = { sync };
  const start = useStartRun();
  const pause = usePauseSync();
  const navigate = useNavigate();
  const [behind, setBehind] = useState<Started | null>(null);
  const [hasDialog, setDialog] = useState(false);
  const [mayRun, mayPause] = [useMay("runs.start"), useMay("pauses.write")];
  const state = stateOfSync(detail);
  const isPaused = state === "paused";
  const begun = (started: Started) => {
    setDialog(false);
    if (started.run) void navigate({ to: "/runs/$run", params: { run: String(started.run) } });
    else setBehind(started);
  };
  const error = start.error ?? pause.error;
  const noRun = !mayRun && needsRole("runs.start");
  return (
    <Page
      title={sync}
      area="Syncs"
      trail={<Link to="/syncs">Syncs</Link>}
      status={<StatusChip status={state} />}
      description={detail.description || undefined}
      actions={
        <>
          <CopyMenu
            curl={{ method: "POST", path: `/api/v1/syncs/${sync}/runs`, body: {} }}
            command={`outflow run ${sync}`}
            json={detail}
          />
          <EditLink sync={sync} />
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
            disabledReason={noRun}
            onClick={() => start.mutate({ sync }, { onSuccess: begun })}
          >
            Run now
          </Button>
          <Menu label="More ways to run" trigger={<MoreButton disabledReason={noRun} />}>
            <MenuItem
              hint="Everything, since a time, to one destination"
              onAction={() => setDialog(true)}
            >
              Run with options
            </MenuItem>
          </Menu>
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
      {isPaused && (
        <Notice
          title={
            <>
              Paused since <Time at={detail.paused_since} />
            </>
          }
          actions={
            <Button
              small
              icon={Undo2}
              pending={pause.isPending}
              disabledReason={!mayPause && needsRole("pauses.write")}
              onClick={() => pause.mutate({ sync, pause: false })}
            >
              Resume
            </Button>
          }
        >
          Its schedule begins no run. Runs in progress go on, and you can run it by hand. After that
          it reads all that has changed in between.
        </Notice>
      )}
      {behind && (
        <Notice tone="good" title="The run is queued" live onDismiss={() => setBehind(null)}>
          {behind.behind ? (
            <>
              It begins when{" "}
              <Link to="/runs/$run" params={{ run: String(behind.behind) }}>
                run {behind.behind}
              </Link>{" "}
              has ended.
            </>
          ) : (
            "It begins as soon as the sync is free."
          )}
        </Notice>
      )}
      <Outlet />
      {hasDialog && (
        <RunDialog detail={detail} onClose={() => setDialog(false)} onStarted={begun} />
      )}
    </Page>
  );
}

/** The trigger of the menu beside Run now. */
function MoreButton(props: Omit<Parameters<typeof IconButton>[0], "icon" | "label">) {
  return <IconButton {...props} look="secondary" icon={ChevronDown} label="More ways to run" />;
}
