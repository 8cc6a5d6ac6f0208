/** The permissions of the API, each with the least role that has it. A test compares the docs. */
import type { Role } from "./types";

export const leastRole = {
  "project.read": "viewer",
  "status.read": "viewer",
  "runs.read": "viewer",
  "usage.read": "viewer",
  "alerts.read": "viewer",
  "self.read": "viewer",
  "account.own": "viewer",
  "rows.read": "member",
  "sources.query": "member",
  "destinations.test": "member",
  "project.write": "member",
  "runs.start": "member",
  "runs.decide": "member",
  "pauses.write": "member",
  "secrets.list": "member",
  "secrets.write": "admin",
  "alerts.write": "admin",
  "settings.write": "admin",
  purge: "admin",
  "users.write": "admin",
  "tokens.write": "admin",
  "audit.read": "admin",
  "metrics.read": "viewer",
} as const satisfies Record<string, Role>;

export type Permission = keyof typeof leastRole;

export const roleNames: Record<Role, string> = {
  viewer: "Viewer",
  member: "Member",
  admin: "Admin",
};

/** What a person without the permission reads. */
export function needsRole(permission: Permission): string {
  const role = leastRole[permission];
  const above = role === "admin" ? "" : role === "member" ? " or Admin" : ", Member or Admin";
  return `This needs the role ${roleNames[role]}${above}.`;
}
