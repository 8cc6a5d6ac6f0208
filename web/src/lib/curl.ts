/** A call of the API as a line for a shell. */

export interface ApiCall {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Such as `/api/v1/syncs/users/runs`. */
  path: string;
  body?: unknown;
}

/** A word for a shell: what is in it means nothing else there. */
export function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function curlOf({ method = "GET", path, body }: ApiCall, origin: string): string {
  const parts = ["curl --fail-with-body"];
  if (method !== "GET" && !(method === "POST" && body !== undefined)) {
    parts.push(`--request ${method}`);
  }
  // In double quotes: the shell puts the token there.
  parts.push('--header "Authorization: Bearer $OUTFLOW_TOKEN"');
  if (body !== undefined) parts.push(`--json ${quoted(JSON.stringify(body))}`);
  parts.push(quoted(origin + path));
  return parts.join(" ");
}
