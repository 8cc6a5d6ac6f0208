/** The root of the routes, and the shell that all screens of a signed-in person stand in. */
import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, redirect } from "@tanstack/react-router";
import { toProblem } from "../api/problem";
import { meQuery } from "../api/queries/me";
import { Root } from "../shell/Root";
import { Shell } from "../shell/Shell";

export const rootRoute = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Root,
});

export const appRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "app",
  component: Shell,
  // Not `beforeLoad`: what the screen shows is asked for at the same time.
  loader: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(meQuery);
    } catch (thrown) {
      if (toProblem(thrown).status !== 401) throw thrown;
      throw redirect({ to: "/login", search: { to: location.href }, replace: true });
    }
  },
});
