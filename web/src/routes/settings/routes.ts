/** Settings of the installation. */
import { createRoute, redirect } from "@tanstack/react-router";
import { listSearch, oneOf, optional, text, type Search } from "../../lib/search";
import { appRoute } from "../root";

const settings = createRoute({
  getParentRoute: () => appRoute,
  path: "/settings",
}).lazy(() => import("./SettingsScreen").then((module) => module.Route));

const index = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/settings/general", replace: true });
  },
});

const general = createRoute({ getParentRoute: () => settings, path: "general" }).lazy(() =>
  import("./GeneralTab").then((module) => module.Route),
);
const members = createRoute({
  getParentRoute: () => settings,
  path: "members",
  validateSearch: listSearch,
}).lazy(() => import("./MembersTab").then((module) => module.Route));
const roles = createRoute({ getParentRoute: () => settings, path: "roles" }).lazy(() =>
  import("./RolesTab").then((module) => module.Route),
);
const tokens = createRoute({
  getParentRoute: () => settings,
  path: "tokens",
  validateSearch: listSearch,
}).lazy(() => import("./TokensTab").then((module) => module.Route));
const secrets = createRoute({
  getParentRoute: () => settings,
  path: "secrets",
  validateSearch: listSearch,
}).lazy(() => import("./SecretsTab").then((module) => module.Route));
const audit = createRoute({
  getParentRoute: () => settings,
  path: "audit",
  validateSearch: (search: Search) =>
    optional({
      actor: text(search.actor),
      action: text(search.action),
      subject: text(search.subject),
      span: oneOf(["day", "week", "month"], search.span),
      entry: typeof search.entry === "number" ? search.entry : undefined,
    }),
}).lazy(() => import("./AuditTab").then((module) => module.Route));
const retention = createRoute({ getParentRoute: () => settings, path: "retention" }).lazy(() =>
  import("./RetentionTab").then((module) => module.Route),
);
const project = createRoute({ getParentRoute: () => settings, path: "project" }).lazy(() =>
  import("./ProjectTab").then((module) => module.Route),
);

export const settingsRoutes = [
  settings.addChildren([
    index,
    general,
    members,
    roles,
    tokens,
    secrets,
    audit,
    retention,
    project,
  ]),
] as const;
