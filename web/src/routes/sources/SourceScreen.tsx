/** One source: its title, what can be done with it, and its tabs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Outlet } from "@tanstack/react-router";
import { PlugZap, Plus } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { definitionQuery, type Value } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import type { DefinitionDocument } from "../../api/types";
import { definitionYaml } from "../../lib/yaml";
import { Button, LinkButton } from "../../ui/Button";
import { CopyMenu } from "../../ui/CopyMenu";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard, Tab, Tabs } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { ConnectionTest } from "./ConnectionTest";
import { healthOf, sourceName } from "./health";
import { PauseAll } from "./PauseAll";
import { sourceTypeName } from "./source-types";
import { useSourceTest } from "./use-source-test";
import { sourceTrail } from "./trail";

export const Route = createLazyRoute("/app/sources/$source")({ component: SourceScreen });

function SourceScreen() {
  const { source } = Route.useParams();
  const query = useQuery(definitionQuery("source", source));
  return (
    <Loaded query={query} what={`The source ${source}`} permission="project.read">
      {({ value }) => <Frame key={source} document={value} />}
    </Loaded>
  );
}

function Frame({ document }: { document: DefinitionDocument }) {
  const source = document.name;
  const value = document.value as Value;
  const type = String(value.type);
  const databases = Object.keys((value.databases ?? {}) as Value);
  const syncs = (useQuery(syncsQuery).data?.syncs ?? []).filter((s) => sourceName(s) === source);
  const health = healthOf(syncs, useQuery(statusQuery).data);
  const { test, run, cancel } = useSourceTest();
  const [mayWrite, mayTest] = [useMay("project.write"), useMay("sources.query")];
  const params = { source };
  return (
    <Page
      title={source}
      area="Sources"
      trail={sourceTrail()}
      status={<StatusChip status={health.state} tip={health.error?.reason.message} />}
      description={sourceTypeName(type)}
      actions={
        <>
          <CopyMenu
            yaml={() => definitionYaml("sources", source, value)}
            json={value}
            command={`outflow source test ${source}`}
            curl={{ method: "POST", path: `/api/v1/sources/${source}/test` }}
          />
          <PauseAll syncs={syncs} />
          <Button
            icon={PlugZap}
            pending={test.state === "running"}
            disabledReason={!mayTest && needsRole("sources.query")}
            onClick={() => void run(source)}
          >
            Test connection
          </Button>
          {mayWrite && (
            <LinkButton to="/sources/$source/add-sync" params={params} look="primary" icon={Plus}>
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
          <Tab to="/sources/$source/syncs" params={params} count={syncs.length}>
            Syncs
          </Tab>
          <Tab to="/sources/$source/databases" params={params} count={databases.length}>
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
      {test.state !== "idle" && (
        <SectionCard
          title="Test connection"
          actions={
            test.state === "ended" && (
              <Button small onClick={cancel}>
                Close test
              </Button>
            )
          }
        >
          <ConnectionTest test={test} type={type} named={databases.length > 1} onCancel={cancel} />
        </SectionCard>
      )}
      <Outlet />
    </Page>
  );
}
