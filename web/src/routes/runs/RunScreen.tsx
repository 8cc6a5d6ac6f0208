/** One run: its title, its state, and its tabs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Outlet } from "@tanstack/react-router";
import { runQuery } from "../../api/queries/runs";
import type { RunListEntry } from "../../api/types";
import { CopyMenu } from "../../ui/CopyMenu";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { Crumb, Page, Tab, Tabs } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";

export const Route = createLazyRoute("/app/runs/$run")({ component: RunScreen });

function RunScreen() {
  const run = Number(Route.useParams().run);
  if (!Number.isSafeInteger(run)) return <NotFound what="This run" />;
  return <Known run={run} />;
}

function Known({ run }: { run: number }) {
  const query = useQuery(runQuery(run));
  return (
    <Loaded query={query} what={`Run ${run}`} permission="runs.read">
      {(entry) => <Frame entry={entry} />}
    </Loaded>
  );
}

function Frame({ entry }: { entry: RunListEntry }) {
  const params = { run: String(entry.run) };
  return (
    <Page
      title={`Run ${entry.run} of ${entry.sync}`}
      area="Runs"
      trail={[
        <Crumb key="runs" to="/runs">
          Runs
        </Crumb>,
        <Crumb key="sync" to="/syncs/$sync" params={{ sync: entry.sync }}>
          {entry.sync}
        </Crumb>,
      ]}
      status={<StatusChip status={entry.state} />}
      actions={
        <CopyMenu
          json={entry}
          curl={{ path: `/api/v1/runs/${entry.run}` }}
          command={`outflow runs show ${entry.run}`}
        />
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
      {entry.reason && (
        <Notice tone={entry.state === "failed" ? "bad" : "warn"} title={entry.reason.code}>
          {entry.reason.message}
        </Notice>
      )}
      <Outlet />
    </Page>
  );
}

function deadLetters(entry: RunListEntry): number {
  return Object.values(entry.destinations).reduce((sum, one) => sum + one.dead_letters, 0);
}
