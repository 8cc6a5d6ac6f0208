/**
 * Definitions: sources, destinations, syncs and settings as they stand under their names, with
 * their versions. The four kinds have the same addresses; here they are one set of functions.
 */
import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, ask, askVersioned, ifVersion } from "../client";
import { keys } from "../keys";
import type { DefinitionDocument, DefinitionKind } from "../types";
import type { components } from "../schema";

/** The value of a definition: what stands under its name in a project file. */
export type Value = Record<string, unknown>;

/** Every definition, page by page. */
async function allDefinitions(): Promise<DefinitionDocument[]> {
  const all: DefinitionDocument[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 500, ...(cursor ? { cursor } : {}) };
    const page = await ask(api.GET("/api/v1/definitions", { params: { query } }));
    all.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return all;
}

export const definitionsQuery = queryOptions({
  queryKey: keys.definitions,
  queryFn: allDefinitions,
});

export function definitionQuery(kind: DefinitionKind, name: string) {
  return queryOptions({
    queryKey: keys.definition(kind, name),
    queryFn: () => readDefinition(kind, name),
  });
}

function readDefinition(kind: DefinitionKind, name: string) {
  switch (kind) {
    case "source":
      return askVersioned(
        api.GET("/api/v1/sources/{source}/definition", { params: { path: { source: name } } }),
      );
    case "destination":
      return askVersioned(
        api.GET("/api/v1/destinations/{destination}/definition", {
          params: { path: { destination: name } },
        }),
      );
    case "sync":
      return askVersioned(
        api.GET("/api/v1/syncs/{sync}/definition", { params: { path: { sync: name } } }),
      );
    case "setting":
      return askVersioned(
        api.GET("/api/v1/settings/{setting}/definition", { params: { path: { setting: name } } }),
      );
  }
}

export function versionsQuery(kind: DefinitionKind, name: string) {
  return infiniteQueryOptions({
    queryKey: keys.versions(kind, name),
    queryFn: ({ pageParam }) => {
      const query = pageParam ? { cursor: pageParam } : {};
      return readVersions(kind, name, query);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

function readVersions(kind: DefinitionKind, name: string, query: { cursor?: string }) {
  switch (kind) {
    case "source":
      return ask(
        api.GET("/api/v1/sources/{source}/versions", { params: { path: { source: name }, query } }),
      );
    case "destination":
      return ask(
        api.GET("/api/v1/destinations/{destination}/versions", {
          params: { path: { destination: name }, query },
        }),
      );
    case "sync":
      return ask(
        api.GET("/api/v1/syncs/{sync}/versions", { params: { path: { sync: name }, query } }),
      );
    case "setting":
      return ask(
        api.GET("/api/v1/settings/{setting}/versions", {
          params: { path: { setting: name }, query },
        }),
      );
  }
}

/** Which keys differ between two versions of a sync. Other kinds have the same address. */
export function compareSyncQuery(sync: string, from: number, to: number) {
  return queryOptions({
    queryKey: [...keys.versions("sync", sync), from, to],
    queryFn: () =>
      ask(
        api.GET("/api/v1/syncs/{sync}/compare", {
          params: { path: { sync }, query: { from, to } },
        }),
      ),
  });
}

function create(kind: DefinitionKind, body: components["schemas"]["NewDefinition"]) {
  switch (kind) {
    case "source":
      return ask(api.POST("/api/v1/sources", { body }));
    case "destination":
      return ask(api.POST("/api/v1/destinations", { body }));
    case "sync":
      return ask(api.POST("/api/v1/syncs", { body }));
    case "setting":
      return ask(api.POST("/api/v1/settings", { body }));
  }
}

/** A merge patch: a key with null is removed. */
function change(kind: DefinitionKind, name: string, body: Value, version?: number) {
  const header = ifVersion(version);
  switch (kind) {
    case "source":
      return ask(
        api.PATCH("/api/v1/sources/{source}", { params: { path: { source: name }, header }, body }),
      );
    case "destination":
      return ask(
        api.PATCH("/api/v1/destinations/{destination}", {
          params: { path: { destination: name }, header },
          body,
        }),
      );
    case "sync":
      return ask(
        api.PATCH("/api/v1/syncs/{sync}", { params: { path: { sync: name }, header }, body }),
      );
    case "setting":
      return ask(
        api.PATCH("/api/v1/settings/{setting}", {
          params: { path: { setting: name }, header },
          body,
        }),
      );
  }
}

function remove(kind: DefinitionKind, name: string, version?: number) {
  const header = ifVersion(version);
  switch (kind) {
    case "source":
      return ask(
        api.DELETE("/api/v1/sources/{source}", { params: { path: { source: name }, header } }),
      );
    case "destination":
      return ask(
        api.DELETE("/api/v1/destinations/{destination}", {
          params: { path: { destination: name }, header },
        }),
      );
    case "sync":
      return ask(api.DELETE("/api/v1/syncs/{sync}", { params: { path: { sync: name }, header } }));
    case "setting":
      return ask(
        api.DELETE("/api/v1/settings/{setting}", { params: { path: { setting: name }, header } }),
      );
  }
}

export function useStaleProject() {
  const client = useQueryClient();
  const stale = [
    keys.definitions,
    keys.syncs,
    keys.sources,
    keys.destinations,
    keys.connections,
    keys.status,
  ];
  return () => Promise.all(stale.map((queryKey) => client.invalidateQueries({ queryKey })));
}

/** Makes a definition that the server owns. */
export function useCreateDefinition(kind: DefinitionKind) {
  const onSettled = useStaleProject();
  return useMutation({
    mutationFn: (body: components["schemas"]["NewDefinition"]) => create(kind, body),
    onSettled,
  });
}

/** Changes keys of a definition, if it is still at this version. */
export function useChangeDefinition(kind: DefinitionKind, name: string) {
  const onSettled = useStaleProject();
  return useMutation({
    mutationFn: ({ patch, version }: { patch: Value; version?: number }) =>
      change(kind, name, patch, version),
    onSettled,
  });
}

export function useDeleteDefinition(kind: DefinitionKind, name: string) {
  const onSettled = useStaleProject();
  return useMutation({
    mutationFn: ({ version }: { version?: number }) => remove(kind, name, version),
    onSettled,
  });
}
