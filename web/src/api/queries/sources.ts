/** Sources and their databases. Tests of them are streams: see `postLines`. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export const sourcesQuery = queryOptions({
  queryKey: keys.sources,
  queryFn: () => ask(api.GET("/api/v1/sources")),
});

export interface SetupSqlOptions {
  schemas?: string;
  tables?: string;
  user?: string;
  revoke_public?: boolean;
}

/** The SQL for an account that only reads. */
export function setupSqlQuery(source: string, query: SetupSqlOptions = {}) {
  return queryOptions({
    queryKey: [...keys.sources, source, "setup-sql", query],
    queryFn: () =>
      ask(api.GET("/api/v1/sources/{source}/setup-sql", { params: { path: { source }, query } })),
  });
}

/** The schemas, tables and columns of a database. */
export function catalogueQuery(source: string, query: { schema?: string; table?: string } = {}) {
  return queryOptions({
    queryKey: [...keys.sources, source, "catalogue", query],
    queryFn: () =>
      ask(api.GET("/api/v1/sources/{source}/catalogue", { params: { path: { source }, query } })),
    staleTime: 5 * 60_000,
  });
}
