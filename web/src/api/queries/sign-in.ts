/** Signing in, and one's own account. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";
import { noteSignedIn, noteSignedOut } from "../session";

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
