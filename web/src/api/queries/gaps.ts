/** Calls that destinations have not got, and filling them. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { useCreation } from "../idempotency";
import { keys } from "../keys";
import type { components } from "../schema";

export function gapsQuery(sync?: string) {
  return queryOptions({
    queryKey: [...keys.gaps, sync ?? null],
    queryFn: () => ask(api.GET("/api/v1/gaps", { params: { query: sync ? { sync } : {} } })),
  });
}

export function useBackfill() {
  const client = useQueryClient();
  const creation = useCreation();
  return useMutation({
    mutationFn: ({
      destination,
      ...body
    }: { destination: string } & components["schemas"]["Backfill"]) =>
      creation((header) =>
        ask(
          api.POST("/api/v1/destinations/{destination}/backfill", {
            params: { path: { destination }, header },
            body,
          }),
        ),
      ),
    onSettled: () =>
      Promise.all(
        [keys.gaps, keys.status, keys.runs].map((queryKey) =>
          client.invalidateQueries({ queryKey }),
        ),
      ),
  });
}
