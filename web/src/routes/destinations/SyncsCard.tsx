/** The syncs that send to a destination, each with its last run. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowLeftRight } from "lucide-react";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import { LinkButton } from "../../ui/Button";
import { DataTable, RowLink } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";

interface Props {
  destination: string;
  syncs: readonly string[];
}

export function SyncsCard({ destination, syncs }: Props) {
  const query = useQuery(syncsQuery);
  const status = useQuery(statusQuery).data;
  const connect = (
    <LinkButton to="/connections" icon={ArrowLeftRight}>
      Connections
    </LinkButton>
  );
  return (
    <SectionCard
      title="Syncs that send to it"
      text="By the connections of their sources, or by their own."
      actions={syncs.length > 0 && connect}
    >
      <Loaded query={query} permission="project.read">
        {(data) => (
          <DataTable
            label={`Syncs that send to ${destination}`}
            noun="sync"
            rows={data.syncs.filter(({ sync }) => syncs.includes(sync))}
            rowKey={({ sync }) => sync}
            columns={[
              {
                id: "sync",
                header: "Sync",
                cell: ({ sync }) => (
                  <RowLink to="/syncs/$sync" params={{ sync }}>
                    {sync}
                  </RowLink>
                ),
              },
              { id: "type", header: "Calls", cell: ({ type }) => type },
              { id: "schedule", header: "Frequency", cell: ({ schedule }) => schedule },
              {
                id: "last",
                header: "Last run",
                cell: ({ sync }) => {
                  const last = status?.syncs.find((one) => one.sync === sync)?.last;
                  if (!last) return <StatusChip status="never" plain />;
                  return (
                    <span className="row">
                      <Link to="/runs/$run" params={{ run: String(last.run) }}>
                        <StatusChip status={last.state} plain />
                      </Link>
                      <span className="muted">
                        <Time at={last.ended_at ?? last.started_at} />
                      </span>
                    </span>
                  );
                },
              },
            ]}
            empty={
              <EmptyState icon={ArrowLeftRight} title="No sync sends to it" action={connect}>
                Connect a source with it: what the source&apos;s syncs read goes here.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
