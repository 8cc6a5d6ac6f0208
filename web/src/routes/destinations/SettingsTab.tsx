/** The definition of a destination and its versions. */
import { createLazyRoute } from "@tanstack/react-router";
import { DefinitionPanel, VersionsPanel } from "../definition/DefinitionPanel";

export const Route = createLazyRoute("/app/destinations/$destination/settings")({
  component: SettingsTab,
});

function SettingsTab() {
  const { destination } = Route.useParams();
  return (
    <>
      <DefinitionPanel kind="destination" name={destination} />
      <VersionsPanel kind="destination" name={destination} />
    </>
  );
}
