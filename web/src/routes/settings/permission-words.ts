/** What each permission allows, in the words of docs/reference/permissions.md, and in groups. */
import type { Permission } from "../../api/permissions";

export const permissionWords: Record<Permission, string> = {
  "project.read": "See sources, destinations, connections, syncs and their versions; export them.",
  "status.read":
    "See what runs, what waits, what is due next, and the version; follow live events.",
  "runs.read": "See runs with their counts, gaps, and the codes of rejected rows; verify a run.",
  "usage.read": "See how many rows were read and calls were sent.",
  "alerts.read": "See alerts and who receives them.",
  "self.read": "See who one is and what one may do. Every token has it.",
  "account.own": "See and end one's own sessions; change one's own password. People only.",
  "rows.read":
    "See values of rows: previews, rejected rows, dead letters, and requests to destinations.",
  "sources.query":
    "Put load on a database: test it, read its catalogue, check and estimate a query.",
  "destinations.test": "Test a destination.",
  "project.write":
    "Add, change, rename and remove sources, destinations, connections and syncs; import them.",
  "runs.start": "Run a sync now, fill gaps, replay.",
  "runs.decide": "Approve and reject runs that await approval; give up calls that wait.",
  "pauses.write": "Pause, resume and enable syncs; pause and resume destinations.",
  "secrets.list": "See the names of secrets and where they are used; never a value.",
  "secrets.write": "Set, rotate and remove secrets.",
  "alerts.write": "Change who receives alerts; send a test alert.",
  "settings.write": "Change the installation's settings; reload; check the whole state.",
  purge: "Remove a person from the calls and rows that are kept.",
  "users.write": "See and change users and their sessions.",
  "tokens.write": "See, make and revoke API tokens.",
  "audit.read": "Read and export the audit log.",
  "metrics.read": "Read the metrics.",
};

export const permissionGroups: readonly { name: string; permissions: readonly Permission[] }[] = [
  {
    name: "Project",
    permissions: ["project.read", "project.write", "sources.query", "destinations.test"],
  },
  {
    name: "Runs and rows",
    permissions: [
      "status.read",
      "runs.read",
      "rows.read",
      "runs.start",
      "runs.decide",
      "pauses.write",
    ],
  },
  { name: "Watching", permissions: ["alerts.read", "alerts.write", "usage.read", "metrics.read"] },
  { name: "Secrets", permissions: ["secrets.list", "secrets.write"] },
  {
    name: "Installation",
    permissions: ["users.write", "tokens.write", "settings.write", "audit.read", "purge"],
  },
  { name: "One's own account", permissions: ["self.read", "account.own"] },
];
