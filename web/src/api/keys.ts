/**
 * The names of what is kept of answers. The first word is the resource: live events make whole
 * resources stale by it, and so does a change.
 */
export const keys = {
  me: ["me"] as const,
  sessions: ["me", "sessions"] as const,
  status: ["status"] as const,
  alerts: ["alerts"] as const,
  receivers: ["alerts", "receivers"] as const,
  health: ["status", "health"] as const,
  version: ["version"] as const,
  syncs: ["syncs"] as const,
  sync: (sync: string) => ["syncs", sync] as const,
  sources: ["sources"] as const,
  destinations: ["destinations"] as const,
  destinationTypes: ["types"] as const,
  schema: ["types", "schema"] as const,
  connections: ["connections"] as const,
  definitions: ["definitions"] as const,
  definition: (kind: string, name: string) => ["definitions", kind, name] as const,
  versions: (kind: string, name: string) => ["definitions", kind, name, "versions"] as const,
  runs: ["runs"] as const,
  runList: (filter: object) => ["runs", "list", filter] as const,
  run: (run: number) => ["runs", run] as const,
  gaps: ["gaps"] as const,
  usage: ["usage"] as const,
  users: ["users"] as const,
  tokens: ["tokens"] as const,
  secrets: ["secrets"] as const,
  audit: ["audit"] as const,
};
