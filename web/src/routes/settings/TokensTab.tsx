/** API tokens. A token's secret is shown once, when it is made. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { needsRole, roleNames } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { tokensQuery } from "../../api/queries/people";
import { useRevokeToken } from "../../api/queries/token-changes";
import type { TokenEntry } from "../../api/types";
import { matches, type ListSearch } from "../../lib/search";
import { Button } from "../../ui/Button";
import { DataTable, type Column } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { NewTokenDialog } from "./NewTokenDialog";

export const Route = createLazyRoute("/app/settings/tokens")({ component: TokensTab });

function TokensTab() {
  const { filter, sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: ListSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const query = useQuery(tokensQuery);
  const [isMaking, setMaking] = useState(false);
  const [revoked, setRevoked] = useState<TokenEntry | null>(null);
  const revoke = useRevokeToken();
  const mayWrite = useMay("tokens.write");

  const columns: Column<TokenEntry>[] = [
    {
      id: "name",
      header: "Name",
      sort: ({ name }) => name,
      cell: ({ name, id }) => <strong data-tip={id}>{name}</strong>,
    },
    { id: "state", header: "State", cell: ({ state }) => <StatusChip status={state} /> },
    {
      id: "may",
      header: "May",
      cell: ({ role, permissions }) =>
        role ? `What a ${roleNames[role]} may` : <code>{(permissions ?? []).join(", ")}</code>,
    },
    {
      id: "used",
      header: "Last used",
      sort: (token) => token.last_used_at ?? "",
      cell: (token) => <Time at={token.last_used_at} none="never" />,
    },
    {
      id: "expires",
      header: "Expires",
      sort: (token) => token.expires_at ?? "9",
      cell: (token) => <Time at={token.expires_at} none="never" />,
    },
    { id: "by", header: "Made by", low: true, cell: (token) => token.created_by },
    {
      id: "actions",
      header: "Actions",
      bare: true,
      align: "end",
      cell: (token) =>
        token.state === "active" && (
          <Button small look="danger" onClick={() => setRevoked(token)}>
            Revoke<span className="sr-only"> {token.name}</span>
          </Button>
        ),
    },
  ];
  const add = (
    <Button
      look="primary"
      icon={Plus}
      disabledReason={!mayWrite && needsRole("tokens.write")}
      onClick={() => setMaking(true)}
    >
      Create token
    </Button>
  );
  return (
    <>
      <ListTools
        label="Filter tokens"
        value={filter}
        onChange={(value) => set({ filter: value })}
      />
      <SectionCard title="Tokens" text="Programs use the API with a token." actions={add}>
        <Loaded query={query} permission="tokens.write">
          {(tokens) => (
            <DataTable
              label="Tokens"
              noun="token"
              rows={tokens.filter(({ name, id }) => matches(filter, name, id))}
              rowKey={({ id }) => id}
              columns={columns}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              empty={
                <EmptyState
                  icon={KeyRound}
                  title={filter ? "No token fits" : "No tokens yet"}
                  action={!filter && add}
                  {...(filter ? {} : { command: "outflow tokens create NAME --role member" })}
                >
                  {filter
                    ? `No token has “${filter}” in its name.`
                    : "A token lets a program do what its role or its permissions allow."}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
      {isMaking && <NewTokenDialog onClose={() => setMaking(false)} />}
      <ConfirmDialog
        title={`Revoke ${revoked?.name ?? "the token"}?`}
        isOpen={revoked !== null}
        onClose={() => setRevoked(null)}
        action="Revoke token"
        onConfirm={() => revoke.mutateAsync(revoked!.id)}
      >
        <p>
          What uses it is refused at once. A revoked token cannot come back; a new one can be
          created. It was last used <Time at={revoked?.last_used_at} none="never" />.
        </p>
      </ConfirmDialog>
    </>
  );
}
