/** Changes of the secrets that Outflow keeps. A value goes in and never comes out. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";
import type { components } from "../schema";

type SecretToKeep = components["schemas"]["SecretToKeep"];

export function keepSecret(name: string, body: SecretToKeep) {
  return ask(api.PUT("/api/v1/secrets/{name}", { params: { path: { name } }, body }));
}

function useStaleSecrets() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: keys.secrets });
}

export function useKeepSecret() {
  const onSettled = useStaleSecrets();
  return useMutation({
    mutationFn: ({ name, ...body }: { name: string } & SecretToKeep) => keepSecret(name, body),
    onSettled,
  });
}

export function useRemoveSecret() {
  const onSettled = useStaleSecrets();
  return useMutation({
    mutationFn: (name: string) =>
      ask(api.DELETE("/api/v1/secrets/{name}", { params: { path: { name } } })),
    onSettled,
  });
}

/** Encrypts every secret again under the present key. */
export function useRotateSecrets() {
  const onSettled = useStaleSecrets();
  return useMutation({ mutationFn: () => ask(api.POST("/api/v1/secrets/rotate")), onSettled });
}

/** Whether each secret can be decrypted. */
export function useCheckSecrets() {
  return useMutation({ mutationFn: () => ask(api.POST("/api/v1/secrets/check")) });
}
