/** How the installation is: what runs, what waits, what is wrong. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export const statusQuery = queryOptions({
  queryKey: keys.status,
  queryFn: () => ask(api.GET("/api/v1/status")),
});

export const versionQuery = queryOptions({
  queryKey: keys.version,
  queryFn: () => ask(api.GET("/api/v1/version")),
  staleTime: Infinity,
});
