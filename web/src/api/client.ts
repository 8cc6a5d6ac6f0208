/**
 * The client of the API. The session is in a cookie that scripts do not see; a server behind a
 * path of its own is not supported, as the page lies at `/`.
 */
import createClient from "openapi-fetch";
import { ProblemError, problemOf } from "./problem";
import type { paths } from "./schema";
import { noteUnauthorized } from "./session";

export const api = createClient<paths>({ baseUrl: window.location.origin });

const SIGN_IN = ["/api/v1/session", "/api/v1/set-up"];

api.use({
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && !SIGN_IN.includes(schemaPath)) noteUnauthorized();
  },
});

interface Answer<D> {
  data?: D;
  error?: unknown;
  response: Response;
}

/**
 * What was asked for: `await ask(api.GET("/api/v1/status"))`.
 *
 * @throws ProblemError the server refused
 */
export async function ask<D>(pending: Promise<Answer<D>>): Promise<D> {
  const { data, error, response } = await pending;
  if (!response.ok) throw new ProblemError(problemOf(response, error));
  return data as D;
}

/** A document with the version that it was read at, for `If-Match`. */
export interface Versioned<D> {
  value: D;
  etag: string | null;
}

/** The same, with the `ETag`. */
export async function askVersioned<D>(pending: Promise<Answer<D>>): Promise<Versioned<D>> {
  const { data, error, response } = await pending;
  if (!response.ok) throw new ProblemError(problemOf(response, error));
  return { value: data as D, etag: response.headers.get("etag") };
}

/** The header of a change that holds only if no other change came between. */
export function ifMatch(etag: string | null | undefined): { "If-Match"?: string } {
  return etag ? { "If-Match": etag } : {};
}

/** The `If-Match` of a definition: its version is its `ETag`. */
export function ifVersion(version: number | undefined): { "If-Match"?: string } {
  return version === undefined ? {} : { "If-Match": `"${version}"` };
}
