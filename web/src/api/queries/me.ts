/** Who is signed in, and what they may do. Signing in and out is in `sign-in.ts`. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";
import type { Permission } from "../permissions";
import { noteSignedIn } from "../session";

export const meQuery = queryOptions({
  queryKey: keys.me,
  queryFn: async () => {
    const me = await ask(api.GET("/api/v1/me"));
    noteSignedIn();
    return me;
  },
  staleTime: 60_000,
});

export function useMe() {
  return useQuery(meQuery);
}

/** Whether the person may do this. False until it is known. */
export function useMay(permission: Permission): boolean {
  return useMe().data?.permissions.includes(permission) ?? false;
}

export const sessionsQuery = queryOptions({
  queryKey: keys.sessions,
  queryFn: () => ask(api.GET("/api/v1/me/sessions")),
});
