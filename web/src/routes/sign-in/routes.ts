/** Signing in, and the first administrator. */
import { createRoute } from "@tanstack/react-router";
import { optional, text, type Search } from "../../lib/search";
import { rootRoute } from "../root";

/** Where to go after signing in: a path of this page, never another site. */
export function pathWithin(value: unknown): string | undefined {
  const path = text(value);
  return path && /^\/(?![/\\])/.test(path) ? path : undefined;
}

const login = createRoute({
  getParentRoute: () => rootRoute,
  path: "/login",
  validateSearch: (search: Search) =>
    optional({ to: pathWithin(search.to), error: text(search.error) }),
}).lazy(() => import("./LoginScreen").then((module) => module.Route));

const setUp = createRoute({
  getParentRoute: () => rootRoute,
  path: "/setup",
}).lazy(() => import("./SetUpScreen").then((module) => module.Route));

export const signInRoutes = [login, setUp] as const;
