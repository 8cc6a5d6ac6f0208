/** How long things are kept, and removing a person from what is kept. */
import { createLazyRoute } from "@tanstack/react-router";
import { SectionCard } from "../../ui/Page";
import { DataTable } from "../../ui/DataTable";
import { PurgeCard } from "./PurgeCard";
import { SettingEditor } from "./SettingEditor";

export const Route = createLazyRoute("/app/settings/retention")({ component: RetentionTab });

/** What the operator's file alone says; the API does not show it. */
const operators = [
  {
    what: "Runs, their counts and dead letters",
    usual: "90 days after the run's end",
    key: "state.keep",
  },
  { what: "The audit log", usual: "For ever", key: "audit.keep" },
] as const;

function RetentionTab() {
  return (
    <>
      <SettingEditor
        name="spool"
        title="Calls"
        text="How long calls are kept after the last delivery, and how much room they may take."
        permission="settings.write"
      />
      <SectionCard
        title="Runs and audit log"
        text="Set in outflow.yaml on the server's machine, so they cannot be changed here."
      >
        <DataTable
          label="What is kept by the operator's file"
          rows={operators}
          rowKey={({ key }) => key}
          columns={[
            { id: "what", header: "What", cell: ({ what }) => what },
            { id: "usual", header: "Usually kept", cell: ({ usual }) => usual },
            { id: "key", header: "Key", cell: ({ key }) => <code>{key}</code> },
          ]}
        />
      </SectionCard>
      <PurgeCard />
    </>
  );
}
