/** The query of a sync, and its versions. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { syncQuery } from "../../api/queries/syncs";
import { CodeBlock } from "../../ui/Code";
import { SectionCard } from "../../ui/Page";
import { VersionsPanel } from "../definition/DefinitionPanel";

export const Route = createLazyRoute("/app/syncs/$sync/query")({ component: QueryTab });

function QueryTab() {
  const { sync } = Route.useParams();
  const detail = useQuery(syncQuery(sync)).data;
  return (
    <>
      {detail && (
        <SectionCard title="Query" padded>
          <CodeBlock text={detail.query} label="Copy SQL" />
        </SectionCard>
      )}
      <VersionsPanel kind="sync" name={sync} />
    </>
  );
}
