/** Connections of sources and destinations. */
import { createRoute } from "@tanstack/react-router";
import { connectionsQuery } from "../../api/queries/connections";
import { appRoute } from "../root";

const connections = createRoute({
  getParentRoute: () => appRoute,
  path: "/connections",
  loader: ({ context }) => void context.queryClient.prefetchQuery(connectionsQuery),
}).lazy(() => import("./ConnectionsScreen").then((module) => module.Route));

export const connectionsRoutes = [connections] as const;
