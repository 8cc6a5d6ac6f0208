/** Which source feeds which destination. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { ArrowLeftRight } from "lucide-react";
import { connectionsQuery } from "../../api/queries/connections";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";

export const Route = createLazyRoute("/app/connections")({ component: ConnectionsScreen });

function ConnectionsScreen() {
  const query = useQuery(connectionsQuery);
  return (
    <Page title="Connections" description="Which source feeds which destination.">
      <SectionCard>
        <Loaded query={query} permission="project.read">
          {({ connections }) => (
            <DataTable
              label="Connections"
              noun="connection"
              rows={connections}
              rowKey={({ source, destination }) => `${source} ${destination}`}
              columns={[
                {
                  id: "source",
                  header: "Source",
                  cell: ({ source }) => (
                    <Link to="/sources/$source" params={{ source }}>
                      {source}
                    </Link>
                  ),
                },
                {
                  id: "destination",
                  header: "Destination",
                  cell: ({ destination }) => (
                    <Link to="/destinations/$destination" params={{ destination }}>
                      {destination}
                    </Link>
                  ),
                },
                {
                  id: "of",
                  header: "Connected by",
                  cell: ({ of_source: ofSource }) => (ofSource ? "The source" : "Single syncs"),
                },
                { id: "syncs", header: "Syncs", cell: ({ syncs }) => syncs.join(", ") || "none" },
              ]}
              empty={
                <EmptyState icon={ArrowLeftRight} title="No connections yet">
                  Connect a source with a destination: what its syncs read goes there.
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
    </Page>
  );
}
