/** Who can sign in. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { roleNames } from "../../api/permissions";
import { usersQuery } from "../../api/queries/people";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";

export const Route = createLazyRoute("/app/settings/members")({ component: MembersTab });

function MembersTab() {
  const query = useQuery(usersQuery);
  return (
    <SectionCard>
      <Loaded query={query} permission="users.write">
        {(users) => (
          <DataTable
            label="Members"
            noun="member"
            rows={users}
            rowKey={({ name }) => name}
            columns={[
              { id: "name", header: "Name", cell: ({ name }) => <strong>{name}</strong> },
              { id: "role", header: "Role", cell: ({ role }) => roleNames[role] },
              {
                id: "state",
                header: "State",
                cell: (user) => <StatusChip status={user.disabled_at ? "disabled" : "active"} />,
              },
              {
                id: "way",
                header: "Signs in with",
                cell: (user) => user.provider ?? (user.has_password ? "Password" : "–"),
              },
              { id: "since", header: "Since", cell: (user) => <Time at={user.created_at} /> },
            ]}
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
