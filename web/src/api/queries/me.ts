/** Who is signed in, what they may do, and how one signs in. */
import { queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";
import type { Permission } from "../permissions";
import { noteSignedIn, noteSignedOut } from "../session";

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

/** The ways to sign in; asked without a session. */
export const signInWaysQuery = queryOptions({
  queryKey: ["sign-in-ways"],
  queryFn: () => ask(api.GET("/api/v1/session")),
});

export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; password: string }) =>
      ask(api.POST("/api/v1/session", { body })),
    onSuccess: () => {
      noteSignedIn();
      return client.invalidateQueries();
    },
  });
}

/** Signs in by a link, which counts once. */
export function useFollowLink() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (code: string) => ask(api.POST("/api/v1/session/link", { body: { code } })),
    onSuccess: () => {
      noteSignedIn();
      return client.invalidateQueries();
    },
  });
}

export function useSetUp() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { token: string; name: string; password: string }) =>
      ask(api.POST("/api/v1/set-up", { body })),
    onSuccess: () => {
      noteSignedIn();
      return client.invalidateQueries();
    },
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => ask(api.DELETE("/api/v1/session")),
    onSuccess: () => {
      noteSignedOut();
      client.clear();
    },
  });
}

export const sessionsQuery = queryOptions({
  queryKey: keys.sessions,
  queryFn: () => ask(api.GET("/api/v1/me/sessions")),
});

export function useEndSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (session: string) =>
      ask(api.DELETE("/api/v1/me/sessions/{session}", { params: { path: { session } } })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.sessions }),
  });
}

export function useChangePassword() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { old: string; new: string }) =>
      ask(api.POST("/api/v1/me/password", { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.me }),
  });
}
