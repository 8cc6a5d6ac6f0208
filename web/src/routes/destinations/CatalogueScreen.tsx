/** The types of destinations that there are. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Send } from "lucide-react";
import { destinationTypesQuery } from "../../api/queries/destinations";
import { matches } from "../../lib/search";
import { DataTable, RowLink } from "../../ui/DataTable";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Crumb, Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";

export const Route = createLazyRoute("/app/destinations/catalogue")({ component: CatalogueScreen });

function CatalogueScreen() {
  const { filter } = Route.useSearch();
  const navigate = Route.useNavigate();
  const query = useQuery(destinationTypesQuery);
  return (
    <Page
      title="Add Destination"
      area="Destinations"
      trail={<Crumb to="/destinations">Destinations</Crumb>}
      description="Choose what takes the calls."
    >
      <ListTools
        label="Filter types"
        value={filter}
        onChange={(value) => void navigate({ search: { filter: value }, replace: true })}
      />
      <SectionCard>
        <Loaded query={query} permission="project.read">
          {({ items }) => (
            <DataTable
              label="Types of destinations"
              noun="type"
              rows={items.filter(({ type, settings }) => matches(filter, type, textOf(settings)))}
              rowKey={({ type }) => type}
              columns={[
                {
                  id: "type",
                  header: "Type",
                  cell: ({ type }) => (
                    <RowLink to="/destinations/new/$type" params={{ type }}>
                      {type}
                    </RowLink>
                  ),
                },
                { id: "text", header: "What it is", cell: ({ settings }) => textOf(settings) },
              ]}
              empty={
                <EmptyState icon={Send} title="No type fits">
                  No type of destination has “{filter}” in its name.
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
    </Page>
  );
}

function textOf(settings: Record<string, unknown>): string {
  return typeof settings.description === "string" ? settings.description : "";
}
