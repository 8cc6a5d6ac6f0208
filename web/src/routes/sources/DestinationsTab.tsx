/** Which destinations a source feeds. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Send } from "lucide-react";
import { connectionsQuery } from "../../api/queries/connections";
import { DataTable, RowLink } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { LinkButton } from "../../ui/Button";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";

export const Route = createLazyRoute("/app/sources/$source/destinations")({
  component: DestinationsTab,
});

function DestinationsTab() {
  const { source } = Route.useParams();
  const query = useQuery(connectionsQuery);
  return (
    <SectionCard>
      <Loaded query={query} permission="project.read">
        {({ connections }) => (
          <DataTable
            label={`Destinations of ${source}`}
            noun="destination"
            rows={connections.filter((one) => one.source === source)}
            rowKey={({ destination }) => destination}
            columns={[
              {
                id: "destination",
                header: "Destination",
                cell: ({ destination }) => (
                  <RowLink to="/destinations/$destination" params={{ destination }}>
                    {destination}
                  </RowLink>
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
              <EmptyState
                icon={Send}
                title="Not connected yet"
                action={<LinkButton to="/connections">Open Connections</LinkButton>}
              >
                What this source reads goes nowhere until it is connected with a destination.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
