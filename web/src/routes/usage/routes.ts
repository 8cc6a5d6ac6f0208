/** Usage: rows and calls by month. */
import { createRoute } from "@tanstack/react-router";
import { optional, text, type Search } from "../../lib/search";
import { appRoute } from "../root";

const usage = createRoute({
  getParentRoute: () => appRoute,
  path: "/usage",
  validateSearch: (search: Search) =>
    optional({
      month: text(search.month),
      sync: text(search.sync),
      destination: text(search.destination),
      sort: text(search.sort),
    }),
}).lazy(() => import("./UsageScreen").then((module) => module.Route));

export const usageRoutes = [usage] as const;
