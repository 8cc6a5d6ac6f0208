/** Keeping a secret for a definition that is about to be made or changed. */
import { api, ask } from "../client";
import type { DefinitionKind } from "../types";
import type { Value } from "./definitions";

export interface SecretUse {
  kind: DefinitionKind;
  name: string;
  /** What it is going to say, with the reference to the secret. */
  value: Value;
}

/** Removes a secret that nothing uses. */
export function removeSecret(name: string) {
  return ask(api.DELETE("/api/v1/secrets/{name}", { params: { path: { name } } }));
}

/** Keeps the value; it may be sent to the addresses of what uses it, and nowhere else. */
export function keepSecret(name: string, value: string, uses: SecretUse[]) {
  const body = { value, uses };
  return ask(api.PUT("/api/v1/secrets/{name}", { params: { path: { name } }, body }));
}
