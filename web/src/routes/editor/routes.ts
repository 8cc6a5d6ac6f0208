/** The sync editor: a new sync of a source, and one that exists. Each step has an address. */
import { createRoute } from "@tanstack/react-router";
import { sourcesQuery } from "../../api/queries/sources";
import { oneOf, optional, text, type Search } from "../../lib/search";
import { appRoute } from "../root";

export const steps = ["details", "query", "review"] as const;
export type Step = (typeof steps)[number];
export const views = ["rows", "columns"] as const;
export type View = (typeof views)[number];

function editorSearch(search: Search) {
  return { step: oneOf(steps, search.step), view: oneOf(views, search.view) };
}

const create = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/$source/syncs/new",
  validateSearch: (search: Search) =>
    optional({
      ...editorSearch(search),
      draft: text(search.draft),
      database: text(search.database),
    }),
  loader: ({ context }) => void context.queryClient.prefetchQuery(sourcesQuery),
}).lazy(() => import("./NewSyncScreen").then((module) => module.Route));

const edit = createRoute({
  getParentRoute: () => appRoute,
  path: "/syncs/$sync/edit",
  validateSearch: (search: Search) => optional(editorSearch(search)),
  loader: ({ context }) => void context.queryClient.prefetchQuery(sourcesQuery),
}).lazy(() => import("./EditSyncScreen").then((module) => module.Route));

export const editorRoutes = [create, edit] as const;
