/** Changes of users: who can sign in, with which role. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";
import type { components } from "../schema";
import type { Role } from "../types";

type Schemas = components["schemas"];

function useStaleUsers() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: keys.users });
}

/** The answer has the password if Outflow made it. */
export function useAddMember() {
  const onSettled = useStaleUsers();
  return useMutation({
    mutationFn: (body: Schemas["UserToMake"]) => ask(api.POST("/api/v1/users", { body })),
    onSettled,
  });
}

export function useChangeMember() {
  const onSettled = useStaleUsers();
  return useMutation({
    mutationFn: ({ user, ...body }: { user: string; role?: Role; disabled?: boolean }) =>
      ask(api.PATCH("/api/v1/users/{user}", { params: { path: { user } }, body })),
    onSettled,
  });
}

/** Without a password Outflow makes one, which is in the answer. It ends all sessions. */
export function useResetPassword() {
  const onSettled = useStaleUsers();
  return useMutation({
    mutationFn: ({ user, password }: { user: string; password?: string }) =>
      ask(
        api.POST("/api/v1/users/{user}/password", {
          params: { path: { user } },
          body: password === undefined ? {} : { password },
        }),
      ),
    onSettled,
  });
}

export function memberSessionsQuery(user: string) {
  return queryOptions({
    queryKey: [...keys.users, user, "sessions"],
    queryFn: async () => {
      const path = { user };
      return (await ask(api.GET("/api/v1/users/{user}/sessions", { params: { path } }))).items;
    },
  });
}

export function useEndMemberSessions() {
  const onSettled = useStaleUsers();
  return useMutation({
    mutationFn: (user: string) =>
      ask(api.DELETE("/api/v1/users/{user}/sessions", { params: { path: { user } } })),
    onSettled,
  });
}
