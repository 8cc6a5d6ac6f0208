/** Users and API tokens. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export const usersQuery = queryOptions({
  queryKey: keys.users,
  queryFn: async () => (await ask(api.GET("/api/v1/users"))).items,
});

export const tokensQuery = queryOptions({
  queryKey: keys.tokens,
  queryFn: async () => (await ask(api.GET("/api/v1/tokens"))).items,
});
