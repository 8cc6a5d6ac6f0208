/** What a sync does, and its latest runs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { latestRunsQuery } from "../../api/queries/runs";
import { syncQuery } from "../../api/queries/syncs";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { KeyValues, SectionCard } from "../../ui/Page";
import { Time } from "../../ui/values";
import { runColumns } from "../runs/run-columns";

export const Route = createLazyRoute("/app/syncs/$sync/overview")({ component: OverviewTab });

function OverviewTab() {
  const { sync } = Route.useParams();
  const detail = useQuery(syncQuery(sync)).data;
  const runs = useQuery(latestRunsQuery({ sync }, 10));
  return (
    <>
      {detail && (
        <SectionCard title="What it does" padded>
          <KeyValues
            items={[
              ["Type", detail.type],
              ["Source", detail.source],
              ["Destinations", detail.destinations.join(", ") || "none yet"],
              ["Schedule", detail.schedule],
              ["Next run", <Time key="next" at={detail.next_slots[0]?.at} none="not by itself" />],
              ["Tags", detail.tags.length > 0 ? detail.tags.join(", ") : null],
            ]}
          />
        </SectionCard>
      )}
      <SectionCard
        title="Latest runs"
        actions={
          <Link to="/syncs/$sync/runs" params={{ sync }}>
            All runs
          </Link>
        }
      >
        <Loaded query={runs} permission="runs.read">
          {(items) => (
            <DataTable
              label="Latest runs"
              columns={runColumns("sync")}
              rows={items}
              rowKey={({ run }) => run}
            />
          )}
        </Loaded>
      </SectionCard>
    </>
  );
}
