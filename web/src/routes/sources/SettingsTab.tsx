/** The definition of a source. */
import { createLazyRoute } from "@tanstack/react-router";
import { DefinitionPanel } from "../definition/DefinitionPanel";

export const Route = createLazyRoute("/app/sources/$source/settings")({ component: SettingsTab });

function SettingsTab() {
  const { source } = Route.useParams();
  return <DefinitionPanel kind="source" name={source} />;
}
