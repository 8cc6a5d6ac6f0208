/** Destinations: the list, the catalogue, adding one, and each with its tabs. */
import { createRoute, redirect } from "@tanstack/react-router";
import { destinationsQuery } from "../../api/queries/destinations";
import { listSearch, oneOf, optional, type Search } from "../../lib/search";
import { appRoute } from "../root";

const list = createRoute({
  getParentRoute: () => appRoute,
  path: "/destinations",
  validateSearch: (search: Search) =>
    optional({
      ...listSearch(search),
      state: oneOf(["trouble", "waiting", "paused"], search.state),
    }),
  loader: ({ context }) => void context.queryClient.prefetchQuery(destinationsQuery),
}).lazy(() => import("./DestinationsScreen").then((module) => module.Route));

const catalogue = createRoute({
  getParentRoute: () => appRoute,
  path: "/destinations/catalogue",
  validateSearch: listSearch,
}).lazy(() => import("./CatalogueScreen").then((module) => module.Route));

const create = createRoute({
  getParentRoute: () => appRoute,
  path: "/destinations/new/$type",
}).lazy(() => import("./NewDestinationScreen").then((module) => module.Route));

const destination = createRoute({
  getParentRoute: () => appRoute,
  path: "/destinations/$destination",
}).lazy(() => import("./DestinationScreen").then((module) => module.Route));

const index = createRoute({
  getParentRoute: () => destination,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/destinations/$destination/overview", params, replace: true });
  },
});

const overview = createRoute({ getParentRoute: () => destination, path: "overview" }).lazy(() =>
  import("./OverviewTab").then((module) => module.Route),
);
const mapping = createRoute({ getParentRoute: () => destination, path: "mapping" }).lazy(() =>
  import("./MappingTab").then((module) => module.Route),
);
const test = createRoute({ getParentRoute: () => destination, path: "test" }).lazy(() =>
  import("./TestTab").then((module) => module.Route),
);
const settings = createRoute({ getParentRoute: () => destination, path: "settings" }).lazy(() =>
  import("./SettingsTab").then((module) => module.Route),
);

export const destinationsRoutes = [
  list,
  catalogue,
  create,
  destination.addChildren([index, overview, mapping, test, settings]),
] as const;
