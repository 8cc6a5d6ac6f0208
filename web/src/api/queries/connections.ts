/** Which source feeds which destination. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export const connectionsQuery = queryOptions({
  queryKey: keys.connections,
  queryFn: () => ask(api.GET("/api/v1/connections")),
});

export function useConnect() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (change: { source: string; destination: string; connect: boolean }) => {
      const { source, destination } = change;
      const path = { source, destination };
      return change.connect
        ? ask(api.PUT("/api/v1/connections/{source}/{destination}", { params: { path }, body: {} }))
        : ask(api.DELETE("/api/v1/connections/{source}/{destination}", { params: { path } }));
    },
    onSettled: () =>
      Promise.all(
        [keys.connections, keys.definitions, keys.syncs, keys.destinations].map((queryKey) =>
          client.invalidateQueries({ queryKey }),
        ),
      ),
  });
}
