/**
 * What can be done with the versions of a definition: comparing two, saying again what an earlier
 * one said, and replacing the value as a whole.
 */
import { queryOptions, useMutation } from "@tanstack/react-query";
import { api, ask, ifVersion } from "../client";
import { keys } from "../keys";
import type { DefinitionKind } from "../types";
import { useStaleProject, type Value } from "./definitions";

export interface Pair {
  from: number;
  to: number;
}

/** The keys that differ between two versions. */
export function comparisonQuery(kind: DefinitionKind, name: string, pair: Pair) {
  return queryOptions({
    queryKey: [...keys.versions(kind, name), "compare", pair.from, pair.to],
    queryFn: () => compare(kind, name, pair),
    staleTime: Infinity,
  });
}

function compare(kind: DefinitionKind, name: string, query: Pair) {
  switch (kind) {
    case "source":
      return ask(
        api.GET("/api/v1/sources/{source}/compare", { params: { path: { source: name }, query } }),
      );
    case "destination":
      return ask(
        api.GET("/api/v1/destinations/{destination}/compare", {
          params: { path: { destination: name }, query },
        }),
      );
    case "sync":
      return ask(
        api.GET("/api/v1/syncs/{sync}/compare", { params: { path: { sync: name }, query } }),
      );
    case "setting":
      return ask(
        api.GET("/api/v1/settings/{setting}/compare", {
          params: { path: { setting: name }, query },
        }),
      );
  }
}

/** One version. It never changes. */
export function versionQuery(kind: DefinitionKind, name: string, version: number) {
  return queryOptions({
    queryKey: [...keys.versions(kind, name), version],
    queryFn: () => read(kind, name, version),
    staleTime: Infinity,
  });
}

function read(kind: DefinitionKind, name: string, version: number) {
  switch (kind) {
    case "source":
      return ask(
        api.GET("/api/v1/sources/{source}/versions/{version}", {
          params: { path: { source: name, version } },
        }),
      );
    case "destination":
      return ask(
        api.GET("/api/v1/destinations/{destination}/versions/{version}", {
          params: { path: { destination: name, version } },
        }),
      );
    case "sync":
      return ask(
        api.GET("/api/v1/syncs/{sync}/versions/{version}", {
          params: { path: { sync: name, version } },
        }),
      );
    case "setting":
      return ask(
        api.GET("/api/v1/settings/{setting}/versions/{version}", {
          params: { path: { setting: name, version } },
        }),
      );
  }
}

function restore(kind: DefinitionKind, name: string, version: number, present?: number) {
  const header = ifVersion(present);
  switch (kind) {
    case "source":
      return ask(
        api.POST("/api/v1/sources/{source}/versions/{version}/restore", {
          params: { path: { source: name, version }, header },
        }),
      );
    case "destination":
      return ask(
        api.POST("/api/v1/destinations/{destination}/versions/{version}/restore", {
          params: { path: { destination: name, version }, header },
        }),
      );
    case "sync":
      return ask(
        api.POST("/api/v1/syncs/{sync}/versions/{version}/restore", {
          params: { path: { sync: name, version }, header },
        }),
      );
    case "setting":
      return ask(
        api.POST("/api/v1/settings/{setting}/versions/{version}/restore", {
          params: { path: { setting: name, version }, header },
        }),
      );
  }
}

/** Says again what a version said: that is a new version. */
export function useRestoreVersion(kind: DefinitionKind, name: string) {
  const onSettled = useStaleProject();
  return useMutation({
    mutationFn: ({ version, present }: { version: number; present?: number }) =>
      restore(kind, name, version, present),
    onSettled,
  });
}

function replace(kind: DefinitionKind, name: string, body: Value, version?: number) {
  const header = ifVersion(version);
  switch (kind) {
    case "source":
      return ask(
        api.PUT("/api/v1/sources/{source}", { params: { path: { source: name }, header }, body }),
      );
    case "destination":
      return ask(
        api.PUT("/api/v1/destinations/{destination}", {
          params: { path: { destination: name }, header },
          body,
        }),
      );
    case "sync":
      return ask(
        api.PUT("/api/v1/syncs/{sync}", { params: { path: { sync: name }, header }, body }),
      );
    case "setting":
      return ask(
        api.PUT("/api/v1/settings/{setting}", {
          params: { path: { setting: name }, header },
          body,
        }),
      );
  }
}

/** Puts a value in place of all that the definition said. */
export function useReplaceDefinition(kind: DefinitionKind, name: string) {
  const onSettled = useStaleProject();
  return useMutation({
    mutationFn: ({ value, version }: { value: Value; version?: number }) =>
      replace(kind, name, value, version),
    onSettled,
  });
}
