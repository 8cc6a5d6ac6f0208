/** The project as one text: exporting, planning and applying it; and care of the installation. */
import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask, askVersioned, ifMatch } from "../client";
import { keys } from "../keys";
import type { components } from "../schema";

type Import = components["schemas"]["Import"];

export const exportQuery = queryOptions({
  queryKey: [...keys.definitions, "export"],
  queryFn: async () =>
    String(await ask(api.GET("/api/v1/project/export", { parseAs: "text" as const }))),
});

/** What would change. The `ETag` says later whether it still would. */
export function usePlan() {
  return useMutation({
    mutationFn: (body: Import) => askVersioned(api.POST("/api/v1/project/plan", { body })),
  });
}

export function useApply() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ etag, ...body }: Import & { etag: string | null }) =>
      ask(api.POST("/api/v1/project/apply", { params: { header: ifMatch(etag) }, body })),
    onSettled: () => client.invalidateQueries(),
  });
}

/** Reads the project's files again. */
export function useReload() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => ask(api.POST("/api/v1/reload")),
    onSettled: () => client.invalidateQueries(),
  });
}

/** Checks everything that is kept. */
export function useVerifyState() {
  return useMutation({ mutationFn: () => ask(api.POST("/api/v1/verify")) });
}

/** Removes a person from what is kept, or says what would be removed. */
export function usePurge() {
  return useMutation({
    mutationFn: (body: components["schemas"]["Purge"]) => ask(api.POST("/api/v1/purge", { body })),
  });
}

/** The JSON Schema of the whole project. */
export const projectSchemaQuery = queryOptions({
  queryKey: keys.schema,
  queryFn: async () => (await ask(api.GET("/api/v1/schema"))) as Record<string, unknown>,
  staleTime: Infinity,
});

/** Says what a setting is to be: `limits`, `spool`, `alerts`. */
export function usePutSetting(setting: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ value, etag }: { value: Record<string, unknown>; etag: string | null }) =>
      ask(
        api.PUT("/api/v1/settings/{setting}", {
          params: { path: { setting }, header: ifMatch(etag) },
          body: value,
        }),
      ),
    onSettled: () =>
      Promise.all(
        [keys.definitions, keys.alerts, keys.status].map((queryKey) =>
          client.invalidateQueries({ queryKey }),
        ),
      ),
  });
}
