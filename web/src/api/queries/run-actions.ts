/** The rows and calls of a run that went wrong, and what can be done with a run. */
import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { useCreation } from "../idempotency";
import { keys } from "../keys";
import type { components } from "../schema";

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
