/** What is wrong now. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { alertsQuery } from "../../api/queries/alerts";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { AlertTabs } from "./AlertTabs";

export const Route = createLazyRoute("/app/alerts")({ component: AlertsScreen });

function AlertsScreen() {
  const query = useQuery(alertsQuery);
  return (
    <Page
      title="Alerts"
      description="What is wrong now. An alert closes by itself once it is over."
      tabs={<AlertTabs open={query.data?.alerts.length} />}
    >
      <SectionCard>
        <Loaded query={query} permission="alerts.read">
          {({ alerts }) => (
            <DataTable
              label="Alerts"
              noun="alert"
              rows={alerts}
              rowKey={({ alert, subject }) => `${alert} ${subject}`}
              columns={[
                {
                  id: "subject",
                  header: "About",
                  cell: ({ subject }) => <strong>{subject}</strong>,
                },
                {
                  id: "state",
                  header: "State",
                  cell: ({ reported }) => <StatusChip status={reported ? "reported" : "open"} />,
                },
                { id: "message", header: "What is wrong", cell: ({ message }) => message },
                {
                  id: "code",
                  header: "Code",
                  cell: ({ code }) => (code ? <code>{code}</code> : "–"),
                },
                { id: "since", header: "Since", cell: ({ since }) => <Time at={since} /> },
              ]}
              empty={
                <EmptyState icon={CircleCheck} title="Nothing is wrong" command="outflow status">
                  No alert is open.
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
    </Page>
  );
}
