/** Syncs: all, and one. What can be done with one is in `sync-actions.ts`. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export const syncsQuery = queryOptions({
  queryKey: keys.syncs,
  queryFn: () => ask(api.GET("/api/v1/syncs")),
});

export function syncQuery(sync: string) {
  return queryOptions({
    queryKey: keys.sync(sync),
    queryFn: () => ask(api.GET("/api/v1/syncs/{sync}", { params: { path: { sync } } })),
  });
}
