/** What each role may do. */
import { createLazyRoute } from "@tanstack/react-router";
import { Check, Minus } from "lucide-react";
import { Fragment } from "react";
import { leastRole, roleNames, type Permission } from "../../api/permissions";
import type { Role } from "../../api/types";
import { SectionCard } from "../../ui/Page";
import { permissionGroups, permissionWords } from "./permission-words";
import css from "./settings.module.css";

export const Route = createLazyRoute("/app/settings/roles")({ component: RolesTab });

const roles: readonly Role[] = ["viewer", "member", "admin"];

function mayRole(role: Role, permission: Permission): boolean {
  return roles.indexOf(role) >= roles.indexOf(leastRole[permission]);
}

function RolesTab() {
  return (
    <SectionCard
      title="Roles"
      text="Each role may do all that the ones before it may. Tokens can have single permissions."
    >
      <table className={css.roles} aria-label="What each role may do">
        <thead>
          <tr>
            <th scope="col">Permission</th>
            {roles.map((role) => (
              <th key={role} scope="col">
                {roleNames[role]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {permissionGroups.map(({ name, permissions }) => (
            <Fragment key={name}>
              <tr>
                <th scope="rowgroup" colSpan={roles.length + 1} className={css.area}>
                  {name}
                </th>
              </tr>
              {permissions.map((permission) => (
                <tr key={permission}>
                  <th scope="row">
                    <span className={css.permission}>
                      {permissionWords[permission]}
                      <code>{permission}</code>
                    </span>
                  </th>
                  {roles.map((role) => (
                    <td key={role} data-label={roleNames[role]}>
                      <Allowed is={mayRole(role, permission)} />
                    </td>
                  ))}
                </tr>
              ))}
            </Fragment>
          ))}
        </tbody>
      </table>
    </SectionCard>
  );
}

function Allowed({ is }: { is: boolean }) {
  const Icon = is ? Check : Minus;
  return (
    <span className={is ? css.yes : css.no}>
      <Icon size={16} aria-hidden /> {is ? "Yes" : "No"}
    </span>
  );
}
