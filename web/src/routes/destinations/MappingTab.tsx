/** What a destination does with calls: its present settings about them. */
import { createLazyRoute } from "@tanstack/react-router";
import { DefinitionPanel } from "../definition/DefinitionPanel";

export const Route = createLazyRoute("/app/destinations/$destination/mapping")({
  component: MappingTab,
});

function MappingTab() {
  const { destination } = Route.useParams();
  return <DefinitionPanel kind="destination" name={destination} />;
}
