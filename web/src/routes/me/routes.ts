/** One's own account. */
import { createRoute } from "@tanstack/react-router";
import { sessionsQuery } from "../../api/queries/me";
import { appRoute } from "../root";

const me = createRoute({
  getParentRoute: () => appRoute,
  path: "/me",
  loader: ({ context }) => void context.queryClient.prefetchQuery(sessionsQuery),
}).lazy(() => import("./MeScreen").then((module) => module.Route));

export const meRoutes = [me] as const;
