/** Runs: the list, and each with its tabs. */
import { createRoute, redirect } from "@tanstack/react-router";
import { runQuery } from "../../api/queries/runs";
import { oneOf, optional, text, whole, type Search } from "../../lib/search";
import { ZOOMS, type Zoom } from "../../lib/zoom";
import { appRoute } from "../root";

export interface RunsSearch {
  sync?: string | undefined;
  /** States, with commas between. */
  state?: string | undefined;
  kind?: string | undefined;
  /** Of the last so much time. */
  within?: Zoom | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

const list = createRoute({
  getParentRoute: () => appRoute,
  path: "/runs",
  validateSearch: (search: Search): RunsSearch => ({
    sync: text(search.sync),
    state: text(search.state),
    kind: text(search.kind),
    within: oneOf(ZOOMS, search.within),
    since: text(search.since),
    until: text(search.until),
  }),
}).lazy(() => import("./RunsScreen").then((module) => module.Route));

const run = createRoute({
  getParentRoute: () => appRoute,
  path: "/runs/$run",
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(runQuery(Number(params.run)));
  },
}).lazy(() => import("./RunScreen").then((module) => module.Route));

const index = createRoute({
  getParentRoute: () => run,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/runs/$run/summary", params, replace: true });
  },
});

const summary = createRoute({ getParentRoute: () => run, path: "summary" }).lazy(() =>
  import("./SummaryTab").then((module) => module.Route),
);
const rows = createRoute({
  getParentRoute: () => run,
  path: "rows",
  validateSearch: (search: Search) => optional({ code: text(search.code), row: whole(search.row) }),
}).lazy(() => import("./RowsTab").then((module) => module.Route));
const requests = createRoute({
  getParentRoute: () => run,
  path: "requests",
  validateSearch: (search: Search) =>
    optional({
      code: text(search.code),
      destination: text(search.destination),
      letter: text(search.letter),
    }),
}).lazy(() => import("./RequestsTab").then((module) => module.Route));
const log = createRoute({
  getParentRoute: () => run,
  path: "log",
  validateSearch: (search: Search) =>
    optional({ filter: text(search.filter), level: oneOf(["problems"], search.level) }),
}).lazy(() => import("./LogTab").then((module) => module.Route));

export const runsRoutes = [list, run.addChildren([index, summary, rows, requests, log])] as const;
