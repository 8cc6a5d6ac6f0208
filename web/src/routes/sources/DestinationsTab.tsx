/** Which destinations a source feeds: each with a switch, and what it means to turn it. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Send } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { connectionsQuery, useConnect } from "../../api/queries/connections";
import { definitionQuery } from "../../api/queries/definitions";
import { destinationsQuery } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import { syncsQuery } from "../../api/queries/syncs";
import type { ConnectionDocument, DestinationDocument } from "../../api/types";
import { counted } from "../../lib/number";
import { Button, LinkButton } from "../../ui/Button";
import { Above, DataTable, RowLink, type Column } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { isManaged, ManagedNotice } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { EmptyState } from "../../ui/states";
import { ConnectionSwitch } from "./ConnectionSwitch";
import { sourceName } from "./health";

export const Route = createLazyRoute("/app/sources/$source/destinations")({
  component: DestinationsTab,
});

interface Row {
  destination: DestinationDocument;
  connection: ConnectionDocument | undefined;
}

function DestinationsTab() {
  const { source } = Route.useParams();
  const destinations = useQuery(destinationsQuery);
  const connections = useQuery(connectionsQuery).data?.connections ?? [];
  const definition = useQuery(definitionQuery("source", source)).data?.value;
  const syncs = (useQuery(syncsQuery).data?.syncs ?? []).filter((s) => sourceName(s) === source);
  const mayWrite = useMay("project.write");
  const connect = useConnect();
  const [last, setLast] = useState<{ destination: string; connect: boolean } | null>(null);
  const change = (destination: string, on: boolean) => {
    setLast({ destination, connect: on });
    connect.mutate({ source, destination, connect: on });
  };
  const why =
    (!mayWrite && needsRole("project.write")) ||
    (isManaged(definition) && "A file owns the source: change the file");

  const columns: Column<Row>[] = [
    {
      id: "destination",
      header: "Destination",
      cell: ({ destination: { destination } }) => (
        <RowLink to="/destinations/$destination" params={{ destination }}>
          {destination}
        </RowLink>
      ),
    },
    {
      id: "connected",
      header: "Connected",
      cell: ({ destination: { destination }, connection }) => (
        <Above>
          <ConnectionSwitch
            label={`Connect ${source} with ${destination}`}
            isOn={connection?.of_source === true}
            why={why}
            isPending={connect.isPending && last?.destination === destination}
            onChange={(on) => change(destination, on)}
          />
        </Above>
      ),
    },
    {
      id: "type",
      header: "Type",
      low: true,
      cell: ({ destination: { type } }) => <span className="muted">{type}</span>,
    },
    {
      id: "syncs",
      header: "Syncs that send to it",
      cell: ({ connection }) =>
        connection && connection.syncs.length > 0 ? (
          <span>
            {connection.syncs.join(", ")}
            {!connection.of_source && <span className="muted"> (they name it themselves)</span>}
          </span>
        ) : (
          <span className="muted">none</span>
        ),
    },
    {
      id: "state",
      header: "State",
      cell: ({ destination }) =>
        destination.paused_since ? (
          <StatusChip status="paused" plain />
        ) : (
          <span className="muted">–</span>
        ),
    },
  ];
  return (
    <>
      <ManagedNotice definition={definition} />
      {connect.error && (
        <Notice tone="bad" title={toProblem(connect.error).title} live>
          {toProblem(connect.error).detail}
        </Notice>
      )}
      {connect.isSuccess && last && (
        <Notice
          tone="good"
          title={
            last.connect
              ? `${source} feeds ${last.destination}`
              : `${source} feeds ${last.destination} no more`
          }
          live
          actions={
            <Button small onClick={() => change(last.destination, !last.connect)}>
              Undo
            </Button>
          }
        >
          {last.connect
            ? `From the next run on, ${followers(syncs.length)} send to it. Earlier rows are not sent by this.`
            : "Runs that begin from now on do not send to it. Calls that wait are still delivered."}
        </Notice>
      )}
      <SectionCard
        title="Destinations"
        text="All syncs of the source send to those that are connected, unless a sync names its own."
      >
        <Loaded query={destinations} permission="project.read">
          {({ items }) => (
            <DataTable
              label={`Destinations of ${source}`}
              noun="destination"
              rows={items.map((destination) => ({
                destination,
                connection: connections.find(
                  (one) => one.source === source && one.destination === destination.destination,
                ),
              }))}
              rowKey={({ destination }) => destination.destination}
              columns={columns}
              empty={
                <EmptyState
                  icon={Send}
                  title="No destinations yet"
                  action={<LinkButton to="/destinations/catalogue">Add Destination</LinkButton>}
                >
                  What this source reads goes nowhere until there is a destination.
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
    </>
  );
}

function followers(count: number): string {
  return count === 0 ? "its syncs" : `its ${counted(count, "sync")}`;
}
