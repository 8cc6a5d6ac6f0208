/** When something counts as wrong, and who receives alerts. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Bell, Plus } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { receiversQuery, useTestAlerts } from "../../api/queries/alerts";
import { definitionsQuery } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { Loaded } from "../../ui/Loaded";
import { isManaged } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { SettingEditor } from "../settings/SettingEditor";
import { AlertTabs } from "./AlertTabs";
import { ReceiverDialog } from "./ReceiverDialog";

export const Route = createLazyRoute("/app/alerts/rules")({ component: RulesScreen });

const limits = [
  "failed_runs",
  "rejected_percent",
  "skipped_percent",
  "no_success_for",
  "disk_above_reserve",
] as const;

function RulesScreen() {
  return (
    <Page
      title="Rules and receivers"
      area="Alerts"
      description="An alert is sent when a problem begins and when it ends, never in between."
      tabs={<AlertTabs />}
    >
      <Receivers />
      <SettingEditor
        name="alerts"
        title="Rules"
        text="From when on something counts as wrong. They hold for all syncs."
        permission="alerts.write"
        keys={limits}
      />
    </Page>
  );
}

function Receivers() {
  const query = useQuery(receiversQuery);
  const definitions = useQuery(definitionsQuery).data;
  const definition = definitions?.find(({ kind, name }) => kind === "setting" && name === "alerts");
  const test = useTestAlerts();
  const mayWrite = useMay("alerts.write");
  const [isAdding, setAdding] = useState(false);
  const needed =
    (!mayWrite && needsRole("alerts.write")) ||
    (isManaged(definition) && `${definition?.managed_by ?? "A file"} owns it: change it there`);
  const hasNone = query.data?.receivers.length === 0;
  const add = (
    <Button icon={Plus} look="primary" disabledReason={needed} onClick={() => setAdding(true)}>
      Add receiver
    </Button>
  );
  return (
    <>
      <Failure error={test.error} what="No test alert was sent" />
      {test.data?.receivers.map(({ receiver, reported, error }) => (
        <Notice key={receiver} tone={reported ? "good" : "bad"} title={receiver} live>
          {reported ? (
            "It took the test alert."
          ) : (
            <>
              <code>{error?.code}</code> {error?.message}{" "}
              {error?.help && <span className="muted">{error.help}</span>}
            </>
          )}
        </Notice>
      ))}
      <SectionCard
        title="Receivers"
        text="Each gets every alert, with a message when it is over."
        actions={
          !hasNone && (
            <>
              <Button
                icon={Bell}
                pending={test.isPending}
                disabledReason={!mayWrite && needsRole("alerts.write")}
                onClick={() => test.mutate()}
              >
                Send a test alert
              </Button>
              {add}
            </>
          )
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
                <EmptyState icon={Bell} title="No receivers" action={add}>
                  Alerts are shown here and sent nowhere. A receiver is a webhook or e-mail.
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
      {isAdding && <ReceiverDialog definition={definition} onClose={() => setAdding(false)} />}
    </>
  );
}
