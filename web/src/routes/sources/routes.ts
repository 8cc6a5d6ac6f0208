/** Sources: the list, adding one, and each with its tabs. */
import { createRoute, redirect } from "@tanstack/react-router";
import { sourcesQuery } from "../../api/queries/sources";
import { listSearch, oneOf, optional, text, whole, type Search } from "../../lib/search";
import { appRoute } from "../root";

const list = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources",
  validateSearch: (search: Search) =>
    optional({
      ...listSearch(search),
      state: oneOf(["failing", "healthy", "paused", "never"], search.state),
    }),
  loader: ({ context }) => void context.queryClient.prefetchQuery(sourcesQuery),
}).lazy(() => import("./SourcesScreen").then((module) => module.Route));

const catalogue = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/new",
}).lazy(() => import("./NewSourceScreen").then((module) => module.Route));

const create = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/new/$type",
  validateSearch: (search: Search) => optional({ saved: text(search.saved) }),
}).lazy(() => import("./SourceWizard").then((module) => module.Route));

const addSync = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/$source/add-sync",
  validateSearch: (search: Search) => optional({ database: text(search.database) }),
}).lazy(() => import("./AddSyncScreen").then((module) => module.Route));

const addDatabase = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/$source/add-database",
  validateSearch: (search: Search) => optional({ next: oneOf(["sync"], search.next) }),
}).lazy(() => import("./AddDatabaseScreen").then((module) => module.Route));

const editDatabase = createRoute({
  getParentRoute: () => appRoute,
  path: "/sources/$source/edit-database/$database",
}).lazy(() => import("./EditDatabaseScreen").then((module) => module.Route));

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
const syncs = createRoute({
  getParentRoute: () => source,
  path: "syncs",
  validateSearch: listSearch,
}).lazy(() => import("./SyncsTab").then((module) => module.Route));
const databases = createRoute({ getParentRoute: () => source, path: "databases" }).lazy(() =>
  import("./DatabasesTab").then((module) => module.Route),
);
const destinations = createRoute({ getParentRoute: () => source, path: "destinations" }).lazy(() =>
  import("./DestinationsTab").then((module) => module.Route),
);
const activity = createRoute({
  getParentRoute: () => source,
  path: "activity",
  validateSearch: (search: Search) =>
    optional({
      show: oneOf(["audit"], search.show),
      version: whole(search.version),
      with: whole(search.with),
    }),
}).lazy(() => import("./ActivityTab").then((module) => module.Route));
const settings = createRoute({ getParentRoute: () => source, path: "settings" }).lazy(() =>
  import("./SettingsTab").then((module) => module.Route),
);

export const sourcesRoutes = [
  list,
  catalogue,
  create,
  addSync,
  addDatabase,
  editDatabase,
  source.addChildren([index, overview, syncs, databases, destinations, activity, settings]),
] as const;
