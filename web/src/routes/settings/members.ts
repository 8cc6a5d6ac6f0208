/** What holds of members. */
import type { Role, UserEntry } from "../../api/types";

/** Whether without this one no admin could sign in any more. */
export function isLastAdmin(users: readonly UserEntry[], user: UserEntry): boolean {
  const admins = users.filter(({ role, disabled_at: off }) => role === "admin" && !off);
  return admins.length === 1 && admins[0]!.name === user.name;
}

export const roleCards: readonly { value: Role; title: string; text: string }[] = [
  {
    value: "viewer",
    title: "Viewer",
    text: "Sees the project, runs, alerts and usage. Never sees values of rows.",
  },
  {
    value: "member",
    title: "Member",
    text: "Builds and runs syncs, sees rows, tests, approves and replays.",
  },
  {
    value: "admin",
    title: "Admin",
    text: "Also members, tokens, secrets, settings and the audit log.",
  },
];
