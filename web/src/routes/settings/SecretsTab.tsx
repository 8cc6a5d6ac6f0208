/** Names of secrets and where they are used. A value is never shown. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { LockKeyhole } from "lucide-react";
import { secretsQuery } from "../../api/queries/secrets";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";

export const Route = createLazyRoute("/app/settings/secrets")({ component: SecretsTab });

function SecretsTab() {
  const query = useQuery(secretsQuery);
  return (
    <SectionCard>
      <Loaded query={query} permission="secrets.list">
        {(secrets) => (
          <DataTable
            label="Secrets"
            noun="secret"
            rows={secrets}
            rowKey={({ name }) => name}
            columns={[
              { id: "name", header: "Name", cell: ({ name }) => <code>{name}</code> },
              {
                id: "used",
                header: "Used by",
                cell: (secret) =>
                  secret.used_by.join(", ") || <span className="muted">nothing</span>,
              },
              {
                id: "addresses",
                header: "May be sent to",
                low: true,
                cell: (secret) => secret.addresses.join(", ") || "–",
              },
              { id: "set", header: "Set", cell: (secret) => <Time at={secret.set_at} /> },
              { id: "by", header: "By", cell: (secret) => secret.set_by.name },
            ]}
            empty={
              <EmptyState
                icon={LockKeyhole}
                title="No secrets yet"
                command="outflow secrets set NAME"
              >
                Passwords and keys are kept encrypted, and definitions refer to them by name.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
