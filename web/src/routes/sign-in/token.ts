/** The set-up token of an address' fragment: `#oflsetup_…`, or `#token=oflsetup_…`. */
export function tokenOf(hash: string): string {
  const fragment = hash.replace(/^#/, "");
  return new URLSearchParams(fragment).get("token") ?? fragment;
}

/** The code of a link that signs in: `#code=oflink_…`. */
export function codeOf(hash: string): string {
  return new URLSearchParams(hash.replace(/^#/, "")).get("code") ?? "";
}

/** Takes the fragment out of the address: what signs somebody in stays in no history. */
export function dropFragment() {
  const { pathname, search } = window.location;
  window.history.replaceState(window.history.state, "", pathname + search);
}
