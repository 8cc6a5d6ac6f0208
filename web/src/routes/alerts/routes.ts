/** Alerts, and who receives them. */
import { createRoute } from "@tanstack/react-router";
import { alertsQuery } from "../../api/queries/alerts";
import { optional, text, type Search } from "../../lib/search";
import { appRoute } from "../root";

const alerts = createRoute({
  getParentRoute: () => appRoute,
  path: "/alerts",
  validateSearch: (search: Search) => optional({ filter: text(search.filter) }),
  loader: ({ context }) => void context.queryClient.prefetchQuery(alertsQuery),
}).lazy(() => import("./AlertsScreen").then((module) => module.Route));

const rules = createRoute({ getParentRoute: () => appRoute, path: "/alerts/rules" }).lazy(() =>
  import("./RulesScreen").then((module) => module.Route),
);

export const alertsRoutes = [alerts, rules] as const;
