/** Who receives alerts. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Bell } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { receiversQuery, useTestAlerts } from "../../api/queries/alerts";
import { useMay } from "../../api/queries/me";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { AlertTabs } from "./AlertTabs";

export const Route = createLazyRoute("/app/alerts/rules")({ component: RulesScreen });

function RulesScreen() {
  const query = useQuery(receiversQuery);
  const test = useTestAlerts();
  const mayTest = useMay("alerts.write");
  return (
    <Page title="Rules and receivers" area="Alerts" tabs={<AlertTabs />}>
      {test.error && (
        <Notice tone="bad" title={toProblem(test.error).title} live>
          {toProblem(test.error).detail}
        </Notice>
      )}
      {test.data?.receivers.map(({ receiver, reported, error }) => (
        <Notice key={receiver} tone={reported ? "good" : "bad"} title={receiver} live>
          {reported ? "It took the test alert." : error?.message}
        </Notice>
      ))}
      <SectionCard
        title="Receivers"
        actions={
          <Button
            icon={Bell}
            pending={test.isPending}
            disabledReason={!mayTest && needsRole("alerts.write")}
            onClick={() => test.mutate()}
          >
            Send a test alert
          </Button>
        }
      >
        <Loaded query={query} permission="alerts.read">
          {({ receivers }) => (
            <DataTable
              label="Receivers"
              noun="receiver"
              rows={receivers}
              rowKey={(receiver) => receiver}
              columns={[{ id: "receiver", header: "Receiver", cell: (receiver) => receiver }]}
              empty={
                <EmptyState icon={Bell} title="No receivers">
                  Alerts are shown here and sent nowhere. Name receivers under alerts in
                  outflow.yaml.
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
    </Page>
  );
}
