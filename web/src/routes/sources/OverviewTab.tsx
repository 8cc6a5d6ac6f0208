/** What a source is and feeds. */
import { createLazyRoute } from "@tanstack/react-router";
import { SourceDatabases } from "./SourceDatabases";
import { SourceSyncs } from "./SourceSyncs";

export const Route = createLazyRoute("/app/sources/$source/overview")({ component: OverviewTab });

function OverviewTab() {
  const { source } = Route.useParams();
  return (
    <>
      <SourceSyncs source={source} title="Syncs" />
      <SourceDatabases source={source} title="Databases" />
    </>
  );
}
