/** The runs of a sync. */
import { createLazyRoute } from "@tanstack/react-router";
import { SectionCard } from "../../ui/Page";
import { RunTable } from "../runs/RunTable";

export const Route = createLazyRoute("/app/syncs/$sync/runs")({ component: RunsTab });

function RunsTab() {
  const { sync } = Route.useParams();
  return (
    <SectionCard>
      <RunTable filter={{ sync }} without="sync" />
    </SectionCard>
  );
}
