/** What can be done with a sync, and what is wrong with a draft. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask, ifVersion } from "../client";
import { useCreation } from "../idempotency";
import { keys } from "../keys";
import type { components } from "../schema";

/** What a change of a sync makes stale. */
function useStaleSyncs() {
  const client = useQueryClient();
  return () =>
    Promise.all(
      [keys.syncs, keys.status, keys.definitions, keys.connections].map((queryKey) =>
        client.invalidateQueries({ queryKey }),
      ),
    );
}

export function usePauseSync() {
  const stale = useStaleSyncs();
  return useMutation({
    mutationFn: ({ sync, pause }: { sync: string; pause: boolean }) => {
      const options = { params: { path: { sync } } };
      return pause
        ? ask(api.POST("/api/v1/syncs/{sync}/pause", options))
        : ask(api.POST("/api/v1/syncs/{sync}/resume", options));
    },
    onSettled: stale,
  });
}

export function useEnableSync() {
  const stale = useStaleSyncs();
  return useMutation({
    mutationFn: ({ sync, version }: { sync: string; version?: number }) =>
      ask(
        api.POST("/api/v1/syncs/{sync}/enable", {
          params: { path: { sync }, header: ifVersion(version) },
        }),
      ),
    onSettled: stale,
  });
}

/** Begins a run. Pressed twice after a lost answer, it begins one. */
export function useStartRun() {
  const client = useQueryClient();
  const creation = useCreation();
  return useMutation({
    mutationFn: ({ sync, ...body }: { sync: string } & components["schemas"]["StartRun"]) =>
      creation((header) =>
        ask(api.POST("/api/v1/syncs/{sync}/runs", { params: { path: { sync }, header }, body })),
      ),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.runs }),
        client.invalidateQueries({ queryKey: keys.status }),
      ]),
  });
}

/** What is wrong with a draft, each with the path of its key. */
export function problemsQuery(sync: string) {
  return queryOptions({
    queryKey: [...keys.sync(sync), "problems"],
    queryFn: () => ask(api.GET("/api/v1/syncs/{sync}/problems", { params: { path: { sync } } })),
  });
}
