/** API tokens. A token's secret is shown once, when it is made. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { KeyRound } from "lucide-react";
import { roleNames } from "../../api/permissions";
import { tokensQuery } from "../../api/queries/people";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";

export const Route = createLazyRoute("/app/settings/tokens")({ component: TokensTab });

function TokensTab() {
  const query = useQuery(tokensQuery);
  return (
    <SectionCard>
      <Loaded query={query} permission="tokens.write">
        {(tokens) => (
          <DataTable
            label="Tokens"
            noun="token"
            rows={tokens}
            rowKey={({ id }) => id}
            columns={[
              { id: "name", header: "Name", cell: ({ name }) => <strong>{name}</strong> },
              { id: "state", header: "State", cell: ({ state }) => <StatusChip status={state} /> },
              {
                id: "may",
                header: "May",
                cell: ({ role, permissions }) =>
                  role ? roleNames[role] : (permissions ?? []).join(", "),
              },
              {
                id: "used",
                header: "Last used",
                cell: (token) => <Time at={token.last_used_at} none="never" />,
              },
              {
                id: "expires",
                header: "Expires",
                cell: (token) => <Time at={token.expires_at} none="never" />,
              },
              { id: "by", header: "Made by", cell: (token) => token.created_by },
            ]}
            empty={
              <EmptyState
                icon={KeyRound}
                title="No tokens yet"
                command="outflow tokens create NAME --role member"
              >
                Programs use the API with a token.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
