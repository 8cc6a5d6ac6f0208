/** Runs: lists of them, and one. What can be done with one is in `run-actions.ts`. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";
import type { operations } from "../schema";

export type RunFilter = Omit<
  NonNullable<operations["runs"]["parameters"]["query"]>,
  "cursor" | "fields" | "limit"
>;

const PAGE = 50;

/** Pages of runs, the newest first. */
export function runsQuery(filter: RunFilter = {}, limit = PAGE) {
  return infiniteQueryOptions({
    queryKey: keys.runList({ ...filter, limit }),
    queryFn: ({ pageParam }) => {
      const query = { ...filter, limit, ...(pageParam ? { cursor: pageParam } : {}) };
      return ask(api.GET("/api/v1/runs", { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

/** The newest runs as one list: for what needs no more than a page. */
export function latestRunsQuery(filter: RunFilter, limit: number) {
  return queryOptions({
    queryKey: [...keys.runs, "latest", filter, limit],
    queryFn: async () => {
      const page = await ask(api.GET("/api/v1/runs", { params: { query: { ...filter, limit } } }));
      return page.items;
    },
  });
}

export function runQuery(run: number) {
  return queryOptions({
    queryKey: keys.run(run),
    queryFn: () => ask(api.GET("/api/v1/runs/{run}", { params: { path: { run } } })),
  });
}
