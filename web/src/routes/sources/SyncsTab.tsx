/** The syncs of a source. */
import { createLazyRoute } from "@tanstack/react-router";
import { SourceSyncs } from "./SourceSyncs";

export const Route = createLazyRoute("/app/sources/$source/syncs")({ component: SyncsTab });

function SyncsTab() {
  const { source } = Route.useParams();
  return <SourceSyncs source={source} />;
}
