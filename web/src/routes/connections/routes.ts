/** Connections of sources and destinations. */
import { createRoute } from "@tanstack/react-router";
import { connectionsQuery } from "../../api/queries/connections";
import { oneOf, optional, text, type Search } from "../../lib/search";
import { appRoute } from "../root";

const connections = createRoute({
  getParentRoute: () => appRoute,
  path: "/connections",
  validateSearch: (search: Search) =>
    optional({ filter: text(search.filter), view: oneOf(["list"], search.view) }),
  loader: ({ context }) => void context.queryClient.prefetchQuery(connectionsQuery),
}).lazy(() => import("./ConnectionsScreen").then((module) => module.Route));

export const connectionsRoutes = [connections] as const;
