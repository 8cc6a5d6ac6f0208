/** Home. */
import { createRoute } from "@tanstack/react-router";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import { listSearch } from "../../lib/search";
import { appRoute } from "../root";

const home = createRoute({
  getParentRoute: () => appRoute,
  path: "/",
  validateSearch: listSearch,
  loader: ({ context }) => {
    void context.queryClient.prefetchQuery(statusQuery);
    void context.queryClient.prefetchQuery(syncsQuery);
  },
}).lazy(() => import("./HomeScreen").then((module) => module.Route));

export const homeRoutes = [home] as const;
