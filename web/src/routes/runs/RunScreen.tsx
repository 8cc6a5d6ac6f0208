/** One run: what happened, what can be done, and its tabs. While it goes on, it is followed. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link, Outlet } from "@tanstack/react-router";
import { useMemo } from "react";
import { useRunLive } from "../../api/live/run-live";
import { runQuery } from "../../api/queries/runs";
import type { RunListEntry } from "../../api/types";
import { shownState } from "../../lib/run-story";
import { CopyMenu } from "../../ui/CopyMenu";
import { Loaded } from "../../ui/Loaded";
import { Page, Tab, Tabs } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import { isGoingOn } from "../../ui/status";
import { StatusChip } from "../../ui/StatusChip";
import { ReplayButton } from "./ReplayButton";
import { RunContext } from "./run-context";
import { RunStory } from "./RunStory";

export const Route = createLazyRoute("/app/runs/$run")({ component: RunScreen });

function RunScreen() {
  const run = Number(Route.useParams().run);
  if (!Number.isSafeInteger(run)) return <NotFound what="This run" />;
  return <Known key={run} run={run} />;
}

function Known({ run }: { run: number }) {
  const query = useQuery(runQuery(run));
  return (
    <Loaded query={query} what={`Run ${run}`} permission="runs.read">
      {(entry) => <Frame entry={entry} />}
    </Loaded>
  );
}

function deadLetters(entry: RunListEntry): number {
  return Object.values(entry.destinations).reduce((sum, one) => sum + one.dead_letters, 0);
}

function Frame({ entry }: { entry: RunListEntry }) {
  const live = useRunLive(entry.run, isGoingOn(entry.state));
  const view = useMemo(() => ({ entry, live }), [entry, live]);
  const params = { run: String(entry.run) };
  return (
    <RunContext value={view}>
      <Page
        title={`Run ${entry.run} of ${entry.sync}`}
        area="Runs"
        trail={[
          <Link key="runs" to="/runs">
            Runs
          </Link>,
          <Link key="sync" to="/syncs/$sync/runs" params={{ sync: entry.sync }}>
            {entry.sync}
          </Link>,
        ]}
        status={<StatusChip status={shownState(entry)} />}
        actions={
          <>
            <CopyMenu
              json={entry}
              curl={{ path: `/api/v1/runs/${entry.run}` }}
              command={`outflow runs ${entry.sync}`}
            />
            <ReplayButton entry={entry} />
          </>
        }
        tabs={
          <Tabs label={`Parts of run ${entry.run}`}>
            <Tab to="/runs/$run/summary" params={params}>
              Summary
            </Tab>
            <Tab to="/runs/$run/rows" params={params} count={entry.rows.rejected}>
              Rejected rows
            </Tab>
            <Tab to="/runs/$run/requests" params={params} count={deadLetters(entry)}>
              Dead letters
            </Tab>
            <Tab to="/runs/$run/log" params={params}>
              Log
            </Tab>
          </Tabs>
        }
      >
        <RunStory entry={entry} />
        <Outlet />
      </Page>
    </RunContext>
  );
}
