/** Sources: the list, adding one, and each with its tabs. */
import { createRoute, redirect } from "@tanstack/react-router";
import { sourcesQuery } from "../../api/queries/sources";
import { listSearch } from "../../lib/search";
import { appRoute } from "../root";

const list = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources",
  validateSearch: listSearch,
  loader: ({ context }) => void context.queryClient.prefetchQuery(sourcesQuery),
}).lazy(() => import("./SourcesScreen").then((module) => module.Route));

const catalogue = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/new",
}).lazy(() => import("./NewSourceScreen").then((module) => module.Route));

const create = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/new/$type",
}).lazy(() => import("./SourceWizard").then((module) => module.Route));

const source = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/$source",
}).lazy(() => import("./SourceScreen").then((module) => module.Route));

const index = createRoute({
  getParentRoute: () => source,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/sources/$source/overview", params, replace: true });
  },
});

const overview = createRoute({ getParentRoute: () => source, path: "overview" }).lazy(() =>
  import("./OverviewTab").then((module) => module.Route),
);
const syncs = createRoute({ getParentRoute: () => source, path: "syncs" }).lazy(() =>
  import("./SyncsTab").then((module) => module.Route),
);
const databases = createRoute({ getParentRoute: () => source, path: "databases" }).lazy(() =>
  import("./DatabasesTab").then((module) => module.Route),
);
const destinations = createRoute({ getParentRoute: () => source, path: "destinations" }).lazy(() =>
  import("./DestinationsTab").then((module) => module.Route),
);
const activity = createRoute({ getParentRoute: () => source, path: "activity" }).lazy(() =>
  import("./ActivityTab").then((module) => module.Route),
);
const settings = createRoute({ getParentRoute: () => source, path: "settings" }).lazy(() =>
  import("./SettingsTab").then((module) => module.Route),
);

export const sourcesRoutes = [
  list,
  catalogue,
  create,
  source.addChildren([index, overview, syncs, databases, destinations, activity, settings]),
] as const;
