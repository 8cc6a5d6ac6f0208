/** What the sync editor asks: versions of a draft, previews that can be cancelled, estimates. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask, ifVersion } from "../client";
import { keys } from "../keys";
import type { components } from "../schema";
import type { Value } from "./definitions";

type Schemas = components["schemas"];
export type PreviewDocument = Schemas["PreviewDocument"];
export type PreviewOfDestination = Schemas["PreviewOfDestination"];
export type PreviewHttp = Schemas["PreviewHttp"];
export type EstimateDocument = Schemas["EstimateDocument"];
export type DraftProblem = Schemas["DraftProblem"];
export type ColumnDocument = Schemas["ColumnDocument"];
export type CatalogueDocument = Schemas["CatalogueDocument"];

/** A version of a definition, as the editor needs it. */
export interface Saved {
  name: string;
  version: number;
  value: Value;
  at: string;
  by: string;
}

function saved(document: Schemas["DefinitionDocument"]): Saved {
  return {
    name: document.name,
    version: document.version,
    value: (document.value ?? {}) as Value,
    at: document.at,
    by: document.by.name,
  };
}

/** The requests of a draft. Tests put others in their place. */
export const draftRequests = {
  async create(name: string, value: Value): Promise<Saved> {
    return saved(await ask(api.POST("/api/v1/syncs", { body: { name, value, status: "draft" } })));
  },
  async change(name: string, patch: Value, version: number): Promise<Saved> {
    return saved(
      await ask(
        api.PATCH("/api/v1/syncs/{sync}", {
          params: { path: { sync: name }, header: ifVersion(version) },
          body: patch,
        }),
      ),
    );
  },
  async read(name: string): Promise<Saved> {
    return saved(
      await ask(api.GET("/api/v1/syncs/{sync}/definition", { params: { path: { sync: name } } })),
    );
  },
  async rename(name: string, to: string): Promise<Saved> {
    await ask(
      api.POST("/api/v1/syncs/{sync}/rename", {
        params: { path: { sync: name } },
        body: { name: to },
      }),
    );
    return draftRequests.read(to);
  },
  async remove(name: string): Promise<void> {
    await ask(api.DELETE("/api/v1/syncs/{sync}", { params: { path: { sync: name } } }));
  },
};

export type DraftRequests = typeof draftRequests;

/** Closing the connection cancels the query in the database. */
export function preview(sync: string, body: Schemas["Preview"], signal: AbortSignal) {
  return ask(
    api.POST("/api/v1/syncs/{sync}/preview", { params: { path: { sync } }, body, signal }),
  );
}

/** What is wrong with one version of a draft. */
export function draftProblemsQuery(sync: string, version: number) {
  return queryOptions({
    queryKey: [...keys.sync(sync), "problems", version],
    queryFn: () => ask(api.GET("/api/v1/syncs/{sync}/problems", { params: { path: { sync } } })),
    staleTime: Infinity,
  });
}

export function estimateQuery(sync: string, version: number, first: boolean) {
  return queryOptions({
    queryKey: [...keys.sync(sync), "estimate", version, first],
    queryFn: ({ signal }) =>
      ask(
        api.POST("/api/v1/syncs/{sync}/estimate", {
          params: { path: { sync } },
          body: { first },
          signal,
        }),
      ),
    staleTime: Infinity,
    retry: false,
  });
}

/** The next five times of a schedule. A schedule that is wrong is an error with its field. */
export function scheduleQuery(schedule: Value) {
  return queryOptions({
    queryKey: ["schedule", schedule],
    queryFn: ({ signal }) =>
      ask(api.POST("/api/v1/schedule/preview", { body: { schedule }, signal })),
    staleTime: 30_000,
    retry: false,
  });
}
