/** When a sync runs. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { CalendarClock } from "lucide-react";
import { syncQuery } from "../../api/queries/syncs";
import { DataTable } from "../../ui/DataTable";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";

export const Route = createLazyRoute("/app/syncs/$sync/schedule")({ component: ScheduleTab });

function ScheduleTab() {
  const { sync } = Route.useParams();
  const detail = useQuery(syncQuery(sync)).data;
  if (!detail) return null;
  return (
    <SectionCard title="Next runs" text={detail.schedule}>
      <DataTable
        label="Next runs"
        rows={detail.next_slots}
        rowKey={({ at }) => at}
        columns={[
          { id: "at", header: "When", cell: ({ at }) => <Time at={at} /> },
          { id: "time", header: "At", cell: ({ at }) => <Time at={at} as="absolute" /> },
          { id: "local", header: "In the zone of the schedule", cell: ({ local }) => local },
          {
            id: "clocks",
            header: "Clocks",
            cell: ({ clocks_change: change }) => (change ? "The clocks are changed that day" : ""),
          },
        ]}
        empty={
          <EmptyState icon={CalendarClock} title="It does not run by itself">
            It has no schedule, or is paused. Press Run now to run it.
          </EmptyState>
        }
      />
    </SectionCard>
  );
}
