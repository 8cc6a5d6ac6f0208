/** The set-up token of an address' fragment: `#oflsetup_…`, or `#token=oflsetup_…`. */
export function tokenOf(hash: string): string {
  const fragment = hash.replace(/^#/, "");
  return new URLSearchParams(fragment).get("token") ?? fragment;
}
