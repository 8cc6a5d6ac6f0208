/** All destinations, and how each is. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Plus, Send } from "lucide-react";
import { destinationsQuery } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import { statusQuery } from "../../api/queries/status";
import type { DestinationDocument, StatusDocument } from "../../api/types";
import { matches, type ListSearch } from "../../lib/search";
import { LinkButton } from "../../ui/Button";
import { DataTable, RowLink, type Column } from "../../ui/DataTable";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Count } from "../../ui/values";

export const Route = createLazyRoute("/app/destinations")({ component: DestinationsScreen });

interface Row {
  destination: DestinationDocument;
  health: string;
  waiting: number;
}

function rowsOf(items: DestinationDocument[], status: StatusDocument | undefined): Row[] {
  return items.map((destination) => {
    const name = destination.destination;
    const known = status?.serving?.destinations.find((one) => one.destination === name);
    const waiting = (status?.waiting ?? []).filter((one) => one.destination === name);
    return {
      destination,
      health: destination.paused_since ? "paused" : (known?.health ?? "unknown"),
      waiting: waiting.reduce((sum, { calls }) => sum + calls, 0),
    };
  });
}

const columns: Column<Row>[] = [
  {
    id: "destination",
    header: "Destination",
    sort: (row) => row.destination.destination,
    cell: ({ destination: { destination } }) => (
      <RowLink to="/destinations/$destination" params={{ destination }}>
        {destination}
      </RowLink>
    ),
  },
  {
    id: "health",
    header: "State",
    sort: ({ health }) => health,
    cell: ({ health }) => <StatusChip status={health} />,
  },
  {
    id: "type",
    header: "Type",
    sort: (row) => row.destination.type,
    cell: ({ destination }) => destination.type,
  },
  {
    id: "place",
    header: "Place",
    low: true,
    cell: ({ destination }) => <code>{destination.place}</code>,
  },
  {
    id: "syncs",
    header: "Syncs",
    align: "end",
    sort: (row) => row.destination.syncs.length,
    cell: ({ destination }) => <Count value={destination.syncs.length} />,
  },
  {
    id: "waiting",
    header: "Calls waiting",
    align: "end",
    sort: ({ waiting }) => waiting,
    cell: ({ waiting }) => <Count value={waiting} />,
  },
];

function DestinationsScreen() {
  const { filter, sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: ListSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const query = useQuery(destinationsQuery);
  const status = useQuery(statusQuery).data;
  const mayWrite = useMay("project.write");
  const add = (
    <LinkButton to="/destinations/catalogue" look="primary" icon={Plus}>
      Add Destination
    </LinkButton>
  );
  return (
    <Page title="Destinations" description="Where the calls go." actions={mayWrite && add}>
      <ListTools
        label="Filter destinations"
        value={filter}
        onChange={(value) => set({ filter: value })}
      />
      <SectionCard>
        <Loaded query={query} permission="project.read">
          {({ items }) => (
            <DataTable
              label="Destinations"
              noun="destination"
              columns={columns}
              rows={rowsOf(items, status).filter(({ destination }) =>
                matches(filter, destination.destination, destination.type, destination.place),
              )}
              rowKey={(row) => row.destination.destination}
              sort={sort}
              onSort={(value) => set({ sort: value })}
              empty={
                <EmptyState
                  icon={Send}
                  title={filter ? "No destination fits" : "No destinations yet"}
                  action={!filter && mayWrite && add}
                  {...(filter ? {} : { command: "outflow destination test" })}
                >
                  {filter
                    ? `No destination has “${filter}” in its name, type or place.`
                    : "A destination takes the calls that rows become."}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
    </Page>
  );
}
