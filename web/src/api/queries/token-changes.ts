/** Making and revoking API tokens. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";
import type { components } from "../schema";

function useStaleTokens() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: keys.tokens });
}

/** The answer has the token's secret, this once. */
export function useMakeToken() {
  const onSettled = useStaleTokens();
  return useMutation({
    mutationFn: (body: components["schemas"]["TokenToMake"]) =>
      ask(api.POST("/api/v1/tokens", { body })),
    onSettled,
  });
}

export function useRevokeToken() {
  const onSettled = useStaleTokens();
  return useMutation({
    mutationFn: (token: string) =>
      ask(api.DELETE("/api/v1/tokens/{token}", { params: { path: { token } } })),
    onSettled,
  });
}
