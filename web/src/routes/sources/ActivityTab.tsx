/** What happened to a source: its versions. */
import { createLazyRoute } from "@tanstack/react-router";
import { VersionsPanel } from "../definition/DefinitionPanel";

export const Route = createLazyRoute("/app/sources/$source/activity")({ component: ActivityTab });

function ActivityTab() {
  const { source } = Route.useParams();
  return <VersionsPanel kind="source" name={source} />;
}
