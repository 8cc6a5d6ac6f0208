/** Syncs: the list, and each with its tabs. */
import { createRoute, redirect } from "@tanstack/react-router";
import { statusQuery } from "../../api/queries/status";
import { syncQuery, syncsQuery } from "../../api/queries/syncs";
import { listSearch } from "../../lib/search";
import { appRoute } from "../root";

const list = createRoute({
  getParentRoute: () => appRoute,
  path: "/syncs",
  validateSearch: listSearch,
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
const runs = createRoute({ getParentRoute: () => sync, path: "runs" }).lazy(() =>
  import("./RunsTab").then((module) => module.Route),
);
const query = createRoute({ getParentRoute: () => sync, path: "query" }).lazy(() =>
  import("./QueryTab").then((module) => module.Route),
);
const payload = createRoute({ getParentRoute: () => sync, path: "payload" }).lazy(() =>
  import("./PayloadTab").then((module) => module.Route),
);
const schedule = createRoute({ getParentRoute: () => sync, path: "schedule" }).lazy(() =>
  import("./ScheduleTab").then((module) => module.Route),
);
const settings = createRoute({ getParentRoute: () => sync, path: "settings" }).lazy(() =>
  import("./SettingsTab").then((module) => module.Route),
);

export const syncsRoutes = [
  list,
  sync.addChildren([index, overview, runs, query, payload, schedule, settings]),
] as const;
