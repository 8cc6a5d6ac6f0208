/** All routes of the page. Each area names its own in `routes/<area>/routes.ts`. */
import type { QueryClient } from "@tanstack/react-query";
import { createRouter } from "@tanstack/react-router";
import { alertsRoutes } from "./routes/alerts/routes";
import { connectionsRoutes } from "./routes/connections/routes";
import { destinationsRoutes } from "./routes/destinations/routes";
import { editorRoutes } from "./routes/editor/routes";
import { homeRoutes } from "./routes/home/routes";
import { meRoutes } from "./routes/me/routes";
import { appRoute, rootRoute } from "./routes/root";
import { runsRoutes } from "./routes/runs/routes";
import { settingsRoutes } from "./routes/settings/routes";
import { signInRoutes } from "./routes/sign-in/routes";
import { sourcesRoutes } from "./routes/sources/routes";
import { syncsRoutes } from "./routes/syncs/routes";
import { usageRoutes } from "./routes/usage/routes";
import { ErrorState, NotFound, Skeleton } from "./ui/states";

const routeTree = rootRoute.addChildren([
  ...signInRoutes,
  appRoute.addChildren([
    ...homeRoutes,
    ...sourcesRoutes,
    ...editorRoutes,
    ...syncsRoutes,
    ...runsRoutes,
    ...destinationsRoutes,
    ...connectionsRoutes,
    ...alertsRoutes,
    ...usageRoutes,
    ...settingsRoutes,
    ...meRoutes,
  ]),
]);

export function makeRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 150,
    defaultPendingComponent: () => <Skeleton lines={6} />,
    defaultErrorComponent: ({ error, reset }) => <ErrorState error={error} retry={reset} />,
    defaultNotFoundComponent: () => <NotFound />,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
