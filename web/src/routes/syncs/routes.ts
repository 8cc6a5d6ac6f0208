/** Syncs: the list, and each with its tabs. */
import { createRoute, redirect } from "@tanstack/react-router";
import { statusQuery } from "../../api/queries/status";
import { syncQuery, syncsQuery } from "../../api/queries/syncs";
import { oneOf, optional, text, whole, type Search } from "../../lib/search";
import { ZOOMS } from "../../lib/zoom";
import { appRoute } from "../root";
import { syncsSearch } from "./sync-search";

const list = createRoute({
  getParentRoute: () => appRoute,
  path: "/syncs",
  validateSearch: syncsSearch,
  loader: ({ context }) => {
    void context.queryClient.prefetchQuery(syncsQuery);
    void context.queryClient.prefetchQuery(statusQuery);
  },
}).lazy(() => import("./SyncsScreen").then((module) => module.Route));

const sync = createRoute({
  getParentRoute: () => appRoute,
  path: "/syncs/$sync",
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(syncQuery(params.sync));
  },
}).lazy(() => import("./SyncScreen").then((module) => module.Route));

const index = createRoute({
  getParentRoute: () => sync,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/syncs/$sync/overview", params, replace: true });
  },
});

const overview = createRoute({ getParentRoute: () => sync, path: "overview" }).lazy(() =>
  import("./OverviewTab").then((module) => module.Route),
);
const runs = createRoute({
  getParentRoute: () => sync,
  path: "runs",
  validateSearch: (search: Search) =>
    optional({
      zoom: oneOf(ZOOMS, search.zoom),
      state: text(search.state),
      since: text(search.since),
      until: text(search.until),
    }),
}).lazy(() => import("./RunsTab").then((module) => module.Route));
const query = createRoute({
  getParentRoute: () => sync,
  path: "query",
  validateSearch: (search: Search) => optional({ from: whole(search.from), to: whole(search.to) }),
}).lazy(() => import("./QueryTab").then((module) => module.Route));
const payload = createRoute({
  getParentRoute: () => sync,
  path: "payload",
  validateSearch: (search: Search) =>
    optional({
      as: oneOf(["first", "next"], search.as),
      since: text(search.since),
      row: whole(search.row),
      show: text(search.show),
      only: oneOf(["rejected"], search.only),
    }),
}).lazy(() => import("./PayloadTab").then((module) => module.Route));
const schedule = createRoute({
  getParentRoute: () => sync,
  path: "schedule",
  validateSearch: (search: Search) => optional({ every: text(search.every) }),
}).lazy(() => import("./ScheduleTab").then((module) => module.Route));
const settings = createRoute({ getParentRoute: () => sync, path: "settings" }).lazy(() =>
  import("./SettingsTab").then((module) => module.Route),
);

export const syncsRoutes = [
  list,
  sync.addChildren([index, overview, runs, query, payload, schedule, settings]),
] as const;
