/** The databases of a source. */
import { createLazyRoute } from "@tanstack/react-router";
import { SourceDatabases } from "./SourceDatabases";

export const Route = createLazyRoute("/app/sources/$source/databases")({ component: DatabasesTab });

function DatabasesTab() {
  const { source } = Route.useParams();
  return <SourceDatabases source={source} />;
}
