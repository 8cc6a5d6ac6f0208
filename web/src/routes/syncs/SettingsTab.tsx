/** The definition of a sync. */
import { createLazyRoute } from "@tanstack/react-router";
import { DefinitionPanel } from "../definition/DefinitionPanel";

export const Route = createLazyRoute("/app/syncs/$sync/settings")({ component: SettingsTab });

function SettingsTab() {
  const { sync } = Route.useParams();
  return <DefinitionPanel kind="sync" name={sync} />;
}
