/** Giving up calls that wait for a destination. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export function useCancelWaiting() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ destination, sync }: { destination: string; sync?: string }) =>
      ask(
        api.POST("/api/v1/destinations/{destination}/cancel", {
          params: { path: { destination } },
          body: sync === undefined ? {} : { sync },
        }),
      ),
    onSettled: () =>
      Promise.all(
        [keys.status, keys.gaps, keys.runs, keys.destinations].map((queryKey) =>
          client.invalidateQueries({ queryKey }),
        ),
      ),
  });
}
