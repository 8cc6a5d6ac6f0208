/** The steps of a test of a connection, in the words of the page, and the order they come in. */
import type { SourceType } from "./database-form";

export const stepNames: Record<string, string> = {
  credentials: "Get credentials from AWS",
  tunnel: "Open the SSH tunnel",
  name: "Find the host",
  tcp: "Reach the port",
  proxy: "Pass the proxy",
  tls: "Encrypt the connection",
  authentication: "Log in",
  database: "Open the database",
  server: "Recognize the server",
  clock: "Compare the clocks",
  lag: "Measure the replica's delay",
  transactions: "Look at open transactions",
  schemas: "Read the catalogue",
  privileges: "Check the account's rights",
  syncs: "Plan the queries of its syncs",
};

const USUAL: Record<SourceType, string[]> = {
  redshift: ["name", "tcp", "tls", "authentication", "database", "server", "schemas", "privileges"],
  postgres: ["name", "tcp", "tls", "authentication", "database", "server", "schemas", "privileges"],
  sqlite: ["database", "server", "schemas"],
};

/** The steps that are still to come, as far as they are known before. */
export function stepsToCome(type: string, done: readonly string[]): string[] {
  const usual = USUAL[type as SourceType] ?? [];
  const last = Math.max(-1, ...done.map((step) => usual.indexOf(step)));
  return usual.slice(last + 1);
}
