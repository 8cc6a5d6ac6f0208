/** What a destination gets of each sync: the type of call, and how values are sent. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Shuffle } from "lucide-react";
import { definitionsQuery } from "../../api/queries/definitions";
import { destinationsQuery } from "../../api/queries/destinations";
import { syncsQuery } from "../../api/queries/syncs";
import { DataTable, RowLink } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { mappingsOf } from "./mapping";

export const Route = createLazyRoute("/app/destinations/$destination/mapping")({
  component: MappingTab,
});

function MappingTab() {
  const { destination } = Route.useParams();
  const definitions = useQuery(definitionsQuery).data;
  const syncs = useQuery(syncsQuery).data?.syncs;
  const query = useQuery(destinationsQuery);
  return (
    <>
      <SectionCard
        title="What it gets"
        text="A row becomes one call of the sync's type. Columns with reserved names become fields, the others traits or properties."
      >
        <Loaded query={query} permission="project.read">
          {() => (
            <DataTable
              label="What the destination gets of each sync"
              noun="sync"
              rows={mappingsOf(destination, syncs ?? [], definitions ?? [])}
              rowKey={({ sync }) => sync}
              columns={[
                {
                  id: "sync",
                  header: "Sync",
                  cell: ({ sync }) => (
                    <RowLink
                      to="/syncs/$sync/payload"
                      params={{ sync }}
                      data-tip="See first rows beside their calls"
                    >
                      {sync}
                    </RowLink>
                  ),
                },
                { id: "type", header: "Call", cell: ({ type }) => <code>{type}</code> },
                {
                  id: "nulls",
                  header: "NULL",
                  cell: ({ nulls }) =>
                    nulls === "omit" ? "Left out of the call" : "Sent as null: it clears the trait",
                },
                {
                  id: "from",
                  header: "Said by",
                  low: true,
                  cell: ({ said }) => <span className="muted">{said}</span>,
                },
                {
                  id: "invalid",
                  header: "A value that cannot be sent",
                  cell: ({ invalid }) =>
                    invalid === "reject_row" ? "Rejects the row" : "Is left out, and reported",
                },
              ]}
              empty={
                <EmptyState icon={Shuffle} title="It gets nothing yet">
                  Connect a source with it in Connections.
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
      <Notice>
        Names and types of fields are made in the query of each sync: <code>AS userId</code>. The
        payload of a sync shows each row beside its exact call and request.
      </Notice>
    </>
  );
}
