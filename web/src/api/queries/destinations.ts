/** Destinations, their types, and pauses. Tests of them are streams: see `postLines`. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export const destinationsQuery = queryOptions({
  queryKey: keys.destinations,
  queryFn: () => ask(api.GET("/api/v1/destinations")),
});

/** The types that there are, each with the JSON Schema of its settings. */
export const destinationTypesQuery = queryOptions({
  queryKey: keys.destinationTypes,
  queryFn: () => ask(api.GET("/api/v1/destination-types")),
  staleTime: Infinity,
});

export function usePauseDestination() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ destination, pause }: { destination: string; pause: boolean }) => {
      const options = { params: { path: { destination } } };
      return pause
        ? ask(api.POST("/api/v1/destinations/{destination}/pause", options))
        : ask(api.POST("/api/v1/destinations/{destination}/resume", options));
    },
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.destinations }),
        client.invalidateQueries({ queryKey: keys.status }),
      ]),
  });
}
