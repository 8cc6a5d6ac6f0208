/** Calls of a month by sync and destination. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { ChartColumn } from "lucide-react";
import { usageQuery } from "../../api/queries/usage";
import { counted } from "../../lib/number";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Count } from "../../ui/values";

export const Route = createLazyRoute("/app/usage")({ component: UsageScreen });

function UsageScreen() {
  const { month } = Route.useSearch();
  const query = useQuery(usageQuery(month ? { month } : {}));
  return (
    <Page title="Usage" description="Each row that becomes a call counts once at each destination.">
      <Loaded query={query} permission="usage.read">
        {({ month: shown, calls, entries }) => (
          <SectionCard title={shown} text={counted(calls, "call")}>
            <DataTable
              label={`Calls in ${shown}`}
              rows={entries}
              rowKey={({ sync, destination, type }) => `${sync} ${destination} ${type}`}
              columns={[
                {
                  id: "sync",
                  header: "Sync",
                  cell: ({ sync }) => (
                    <Link to="/syncs/$sync" params={{ sync }}>
                      {sync}
                    </Link>
                  ),
                },
                { id: "destination", header: "Destination", cell: (entry) => entry.destination },
                { id: "type", header: "Type", cell: (entry) => entry.type },
                {
                  id: "calls",
                  header: "Calls",
                  align: "end",
                  cell: (entry) => <Count value={entry.calls} />,
                },
                {
                  id: "delivered",
                  header: "Delivered",
                  align: "end",
                  cell: (entry) => <Count value={entry.delivered} />,
                },
                {
                  id: "dead",
                  header: "Dead letters",
                  align: "end",
                  cell: (entry) => <Count value={entry.dead_letters} />,
                },
              ]}
              empty={
                <EmptyState icon={ChartColumn} title="Nothing was sent" command="outflow usage">
                  No call was sent in this month.
                </EmptyState>
              }
            />
          </SectionCard>
        )}
      </Loaded>
    </Page>
  );
}
