/** Names of secrets and where they are used. A value goes in and never comes out. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export const secretsQuery = queryOptions({
  queryKey: keys.secrets,
  queryFn: async () => (await ask(api.GET("/api/v1/secrets"))).secrets,
});
