/** What each role may do. */
import { createLazyRoute } from "@tanstack/react-router";
import { Check, Minus } from "lucide-react";
import { leastRole, roleNames, type Permission } from "../../api/permissions";
import type { Role } from "../../api/types";
import { DataTable, type Column } from "../../ui/DataTable";
import { SectionCard } from "../../ui/Page";

export const Route = createLazyRoute("/app/settings/roles")({ component: RolesTab });

const roles: readonly Role[] = ["viewer", "member", "admin"];

function mayRole(role: Role, permission: Permission): boolean {
  return roles.indexOf(role) >= roles.indexOf(leastRole[permission]);
}

const columns: Column<Permission>[] = [
  { id: "permission", header: "Permission", cell: (permission) => <code>{permission}</code> },
  ...roles.map((role) => ({
    id: role,
    header: roleNames[role],
    cell: (permission: Permission) =>
      mayRole(role, permission) ? (
        <span className="row">
          <Check size={16} aria-hidden /> Yes
        </span>
      ) : (
        <span className="row muted">
          <Minus size={16} aria-hidden /> No
        </span>
      ),
  })),
];

function RolesTab() {
  return (
    <SectionCard title="Roles" text="Each role may do all that the ones before it may.">
      <DataTable
        label="What each role may do"
        rows={Object.keys(leastRole) as Permission[]}
        rowKey={(permission) => permission}
        columns={columns}
      />
    </SectionCard>
  );
}
