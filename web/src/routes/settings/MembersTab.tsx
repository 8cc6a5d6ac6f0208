/** Who can sign in, and with which role. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Ellipsis, UserPlus } from "lucide-react";
import { useState } from "react";
import { needsRole, roleNames } from "../../api/permissions";
import { useMay, useMe } from "../../api/queries/me";
import { useChangeMember } from "../../api/queries/members";
import { usersQuery } from "../../api/queries/people";
import type { UserEntry } from "../../api/types";
import { matches, type ListSearch } from "../../lib/search";
import { Button, IconButton } from "../../ui/Button";
import { DataTable, type Column } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Menu, MenuItem, MenuSeparator } from "../../ui/Menu";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { AddMemberDialog, PasswordDialog, RoleDialog, SessionsDialog } from "./MemberDialogs";
import { isLastAdmin } from "./members";

export const Route = createLazyRoute("/app/settings/members")({ component: MembersTab });

type Opened = { dialog: "role" | "password" | "sessions"; user: UserEntry } | { dialog: "add" };

function MembersTab() {
  const { filter, sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: ListSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const query = useQuery(usersQuery);
  const [opened, setOpened] = useState<Opened | null>(null);
  const change = useChangeMember();
  const mayWrite = useMay("users.write");
  const me = useMe().data?.name;
  const close = () => setOpened(null);

  const columnsOf = (users: readonly UserEntry[]): Column<UserEntry>[] => [
    {
      id: "name",
      header: "Name",
      sort: ({ name }) => name,
      cell: ({ name }) => (
        <>
          <strong>{name}</strong>
          {name === me && <span className="muted"> (you)</span>}
        </>
      ),
    },
    { id: "role", header: "Role", sort: ({ role }) => role, cell: ({ role }) => roleNames[role] },
    {
      id: "state",
      header: "State",
      cell: (user) => (
        <StatusChip
          status={user.disabled_at ? "disabled" : "active"}
          tip={user.disabled_at ? "They cannot sign in." : "They can sign in."}
        />
      ),
    },
    {
      id: "way",
      header: "Signs in with",
      low: true,
      cell: (user) => user.provider ?? (user.has_password ? "Password" : "–"),
    },
    {
      id: "since",
      header: "Since",
      sort: (user) => user.created_at,
      cell: (user) => <Time at={user.created_at} />,
    },
    {
      id: "actions",
      header: "Actions",
      bare: true,
      align: "end",
      cell: (user) => {
        const isLast = isLastAdmin(users, user);
        return (
          <Menu
            label={`Actions for ${user.name}`}
            trigger={<IconButton icon={Ellipsis} label={`Actions for ${user.name}`} small />}
          >
            <MenuItem
              isDisabled={isLast}
              hint={isLast ? "The last admin keeps this role" : roleNames[user.role]}
              onAction={() => setOpened({ dialog: "role", user })}
            >
              Change role
            </MenuItem>
            <MenuItem onAction={() => setOpened({ dialog: "password", user })}>
              Reset password
            </MenuItem>
            <MenuItem onAction={() => setOpened({ dialog: "sessions", user })}>Sessions</MenuItem>
            <MenuSeparator />
            <MenuItem
              danger={!user.disabled_at}
              isDisabled={isLast}
              hint={
                isLast
                  ? "The last admin cannot be disabled"
                  : user.disabled_at
                    ? "They can sign in again"
                    : "They cannot sign in; their sessions end"
              }
              onAction={() => change.mutate({ user: user.name, disabled: !user.disabled_at })}
            >
              {user.disabled_at ? "Enable" : "Disable"}
            </MenuItem>
          </Menu>
        );
      },
    },
  ];

  return (
    <>
      <ListTools
        label="Filter members"
        value={filter}
        onChange={(value) => set({ filter: value })}
      />
      <Failure error={change.error} what="The member was not changed" />
      <SectionCard
        title="Members"
        text="People who can sign in. Programs have tokens."
        actions={
          <Button
            look="primary"
            icon={UserPlus}
            disabledReason={!mayWrite && needsRole("users.write")}
            onClick={() => setOpened({ dialog: "add" })}
          >
            Add member
          </Button>
        }
      >
        <Loaded query={query} permission="users.write">
          {(users) => (
            <DataTable
              label="Members"
              noun="member"
              rows={users.filter(({ name, role }) => matches(filter, name, roleNames[role]))}
              rowKey={({ name }) => name}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              columns={columnsOf(users)}
            />
          )}
        </Loaded>
      </SectionCard>
      {opened?.dialog === "add" && <AddMemberDialog onClose={close} />}
      {opened?.dialog === "role" && <RoleDialog user={opened.user} onClose={close} />}
      {opened?.dialog === "password" && (
        <PasswordDialog user={opened.user} isMe={opened.user.name === me} onClose={close} />
      )}
      {opened?.dialog === "sessions" && <SessionsDialog user={opened.user} onClose={close} />}
    </>
  );
}
