/** Names of secrets and where they are used. A value is never shown. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { Ellipsis, LockKeyhole, Plus, RotateCw, ShieldCheck } from "lucide-react";
import { Fragment, useState } from "react";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import {
  useCheckSecrets,
  useRemoveSecret,
  useRotateSecrets,
} from "../../api/queries/secret-changes";
import { secretsQuery } from "../../api/queries/secrets";
import type { SecretDocument } from "../../api/types";
import { counted } from "../../lib/number";
import { matches, type ListSearch } from "../../lib/search";
import { Button, IconButton } from "../../ui/Button";
import { Above, DataTable, type Column } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Failure";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Menu, MenuItem } from "../../ui/Menu";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";
import { actorName } from "../definition/actor";
import { SecretDialog } from "./SecretDialog";

export const Route = createLazyRoute("/app/settings/secrets")({ component: SecretsTab });

function SecretsTab() {
  const { filter, sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: ListSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const query = useQuery(secretsQuery);
  const mayWrite = useMay("secrets.write");
  const needed = !mayWrite && needsRole("secrets.write");
  /** The secret that is set; an empty name: a new one. */
  const [setting, setSetting] = useState<string | null>(null);
  const [removed, setRemoved] = useState<SecretDocument | null>(null);
  const remove = useRemoveSecret();
  const check = useCheckSecrets();
  const rotate = useRotateSecrets();

  const columns: Column<SecretDocument>[] = [
    {
      id: "name",
      header: "Name",
      sort: ({ name }) => name,
      cell: ({ name }) => <code>{name}</code>,
    },
    {
      id: "used",
      header: "Used by",
      cell: ({ used_by: users }) =>
        users.length === 0 ? (
          <span className="muted">nothing</span>
        ) : (
          users.map((user, index) => (
            <Fragment key={user}>
              {index > 0 && ", "}
              <UserOf text={user} />
            </Fragment>
          ))
        ),
    },
    {
      id: "addresses",
      header: "May be sent to",
      low: true,
      cell: ({ addresses }) => addresses.join(", ") || <span className="muted">nowhere yet</span>,
    },
    {
      id: "set",
      header: "Set",
      sort: (secret) => secret.set_at,
      cell: (secret) => (
        <span>
          <Time at={secret.set_at} /> <span className="muted">by {actorName(secret.set_by)}</span>
        </span>
      ),
    },
    {
      id: "actions",
      header: "Actions",
      bare: true,
      align: "end",
      cell: (secret) => (
        <Above>
          <Menu
            label={`Actions for ${secret.name}`}
            trigger={
              <IconButton
                icon={Ellipsis}
                label={`Actions for ${secret.name}`}
                small
                disabledReason={needed}
              />
            }
          >
            <MenuItem onAction={() => setSetting(secret.name)}>Set a new value</MenuItem>
            <MenuItem
              danger
              isDisabled={secret.used_by.length > 0}
              {...(secret.used_by.length > 0 ? { hint: "It is in use" } : {})}
              onAction={() => setRemoved(secret)}
            >
              Remove
            </MenuItem>
          </Menu>
        </Above>
      ),
    },
  ];
  const add = (
    <Button look="primary" icon={Plus} disabledReason={needed} onClick={() => setSetting("")}>
      Set secret
    </Button>
  );
  return (
    <>
      <ListTools
        label="Filter secrets"
        value={filter}
        onChange={(value) => set({ filter: value })}
      />
      <Failure error={check.error} what="The secrets were not checked" />
      <Failure error={rotate.error} what="The secrets were not encrypted again" />
      {check.data && (
        <Notice
          live
          tone={check.data.problems.length === 0 ? "good" : "bad"}
          title={`${check.data.readable} of ${counted(check.data.secrets, "secret")} can be decrypted`}
          onDismiss={check.reset}
        >
          <p>
            The key is at <code>{check.data.key}</code>.
            {check.data.under_older_keys > 0 &&
              ` ${counted(check.data.under_older_keys, "secret")} are encrypted under an older key: rotate.`}
          </p>
          {check.data.problems.map((problem) => (
            <p key={problem.message}>
              <code>{problem.code}</code> {problem.message}{" "}
              {problem.help && <span className="muted">{problem.help}</span>}
            </p>
          ))}
        </Notice>
      )}
      {rotate.data && (
        <Notice
          live
          tone="good"
          title={`${counted(rotate.data.resealed, "secret")} encrypted again`}
          onDismiss={rotate.reset}
        >
          The key is now <code>{rotate.data.key_id}</code>, at <code>{rotate.data.key}</code>.
          {rotate.data.older_keys_left && " The older keys can be removed where they were put."}
        </Notice>
      )}
      <SectionCard
        title="Secrets"
        text="Definitions refer to them as ${secret:NAME}. A value goes in and never comes out."
        actions={
          <>
            <Button
              icon={ShieldCheck}
              pending={check.isPending}
              disabledReason={needed}
              onClick={() => check.mutate()}
            >
              Check
            </Button>
            <Button
              icon={RotateCw}
              pending={rotate.isPending}
              disabledReason={needed}
              data-tip="Encrypts every secret again under a new key"
              onClick={() => rotate.mutate()}
            >
              Rotate key
            </Button>
            {add}
          </>
        }
      >
        <Loaded query={query} permission="secrets.list">
          {(secrets) => (
            <DataTable
              label="Secrets"
              noun="secret"
              rows={secrets.filter(({ name, used_by: users }) => matches(filter, name, ...users))}
              rowKey={({ name }) => name}
              columns={columns}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              empty={
                <EmptyState
                  icon={LockKeyhole}
                  title={filter ? "No secret fits" : "No secrets yet"}
                  action={!filter && add}
                  {...(filter ? {} : { command: "outflow secrets set NAME" })}
                >
                  {filter
                    ? `No secret has “${filter}” in its name or its users.`
                    : "Passwords and keys are kept encrypted, and definitions refer to them by name."}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
      {setting !== null && (
        <SecretDialog name={setting} known={query.data ?? []} onClose={() => setSetting(null)} />
      )}
      <ConfirmDialog
        title={`Remove ${removed?.name ?? "the secret"}?`}
        isOpen={removed !== null}
        onClose={() => setRemoved(null)}
        action="Remove secret"
        onConfirm={() => remove.mutateAsync(removed!.name)}
      >
        <p>Nothing uses it. Its value is gone for good: Outflow cannot show or bring it back.</p>
      </ConfirmDialog>
    </>
  );
}

/** `destination journeys` as a link to it. */
function UserOf({ text }: { text: string }) {
  const [kind, name = ""] = text.split(" ");
  switch (kind) {
    case "destination":
      return (
        <Link to="/destinations/$destination" params={{ destination: name }}>
          {text}
        </Link>
      );
    case "source":
      return (
        <Link to="/sources/$source" params={{ source: name }}>
          {text}
        </Link>
      );
    case "sync":
      return (
        <Link to="/syncs/$sync" params={{ sync: name }}>
          {text}
        </Link>
      );
    default:
      return text;
  }
}
