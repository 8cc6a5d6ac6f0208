/** Runs, and what can be done with one. */
import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, ask } from "../client";
import { useCreation } from "../idempotency";
import { keys } from "../keys";
import type { components, operations } from "../schema";

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

/** Rows that could not become a call, by page; the summary by cause is on each page. */
export function rejectedQuery(run: number, code?: string) {
  return infiniteQueryOptions({
    queryKey: [...keys.run(run), "rejected", code ?? null],
    queryFn: ({ pageParam }) => {
      const query = { ...(code ? { code } : {}), ...(pageParam ? { cursor: pageParam } : {}) };
      return ask(api.GET("/api/v1/runs/{run}/rejected", { params: { path: { run }, query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

/** Calls that a destination refused for good. */
export function deadLettersQuery(
  run: number,
  filter: { destination?: string; code?: string } = {},
) {
  return infiniteQueryOptions({
    queryKey: [...keys.run(run), "dead-letters", filter],
    queryFn: ({ pageParam }) => {
      const query = { ...filter, ...(pageParam ? { cursor: pageParam } : {}) };
      return ask(api.GET("/api/v1/runs/{run}/dead-letters", { params: { path: { run }, query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

function useStaleRuns() {
  const client = useQueryClient();
  return () =>
    Promise.all(
      [keys.runs, keys.status, keys.gaps].map((queryKey) => client.invalidateQueries({ queryKey })),
    );
}

export function useApproveRun() {
  const stale = useStaleRuns();
  return useMutation({
    mutationFn: (run: number) =>
      ask(api.POST("/api/v1/runs/{run}/approve", { params: { path: { run } } })),
    onSettled: stale,
  });
}

export function useRejectRun() {
  const stale = useStaleRuns();
  return useMutation({
    mutationFn: ({ run, ...body }: { run: number } & components["schemas"]["Reject"]) =>
      ask(api.POST("/api/v1/runs/{run}/reject", { params: { path: { run } }, body })),
    onSettled: stale,
  });
}

export function useReplayRun() {
  const stale = useStaleRuns();
  const creation = useCreation();
  return useMutation({
    mutationFn: ({ run, ...body }: { run: number } & components["schemas"]["Replay"]) =>
      creation((header) =>
        ask(api.POST("/api/v1/runs/{run}/replay", { params: { path: { run }, header }, body })),
      ),
    onSettled: stale,
  });
}
