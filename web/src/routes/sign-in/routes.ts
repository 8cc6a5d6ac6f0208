/** Signing in, and the first administrator. */
import type { QueryClient } from "@tanstack/react-query";
import { createRoute } from "@tanstack/react-router";
import { meQuery } from "../../api/queries/me";
import { optional, text, type Search } from "../../lib/search";
import { rootRoute } from "../root";

/** Where to go after signing in: a path of this page, never another site. */
export function pathWithin(value: unknown): string | undefined {
  const path = text(value);
  return path && /^\/(?![/\\])/.test(path) ? path : undefined;
}

/**
 * The document loads `/me` ahead of all scripts, and the browser gives that answer to whoever asks
 * first. Here it is 401: asked for now, it cannot be taken for the answer after signing in.
 */
function takeEarlyAnswer({ context }: { context: { queryClient: QueryClient } }) {
  const { queryClient } = context;
  if (!queryClient.getQueryState(meQuery.queryKey)) void queryClient.prefetchQuery(meQuery);
}

const login = createRoute({
  getParentRoute: () => rootRoute,
  path: "/login",
  validateSearch: (search: Search) =>
    optional({ to: pathWithin(search.to), error: text(search.error) }),
  loader: takeEarlyAnswer,
}).lazy(() => import("./LoginScreen").then((module) => module.Route));

const setUp = createRoute({
  getParentRoute: () => rootRoute,
  path: "/setup",
  loader: takeEarlyAnswer,
}).lazy(() => import("./SetUpScreen").then((module) => module.Route));

export const signInRoutes = [login, setUp] as const;
