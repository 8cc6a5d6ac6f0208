/** How a destination is: what waits for it, what it has not got, and which syncs feed it. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { destinationsQuery } from "../../api/queries/destinations";
import { statusQuery } from "../../api/queries/status";
import { usageQuery } from "../../api/queries/usage";
import { Loaded } from "../../ui/Loaded";
import { KeyValues, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Count, Time } from "../../ui/values";
import { GapsCard } from "./GapsCard";
import { healthWords, rowOf } from "./health";
import { SyncsCard } from "./SyncsCard";
import { WaitingCard } from "./WaitingCard";

export const Route = createLazyRoute("/app/destinations/$destination/overview")({
  component: OverviewTab,
});

function OverviewTab() {
  const { destination } = Route.useParams();
  const query = useQuery(destinationsQuery);
  const status = useQuery(statusQuery).data;
  const usage = useQuery(usageQuery()).data;
  return (
    <Loaded query={query} permission="project.read">
      {({ items }) => {
        const known = items.find((one) => one.destination === destination);
        if (!known) return <p className="muted">It is a draft, and no part of the project yet.</p>;
        const row = rowOf(known, status);
        return (
          <>
            <SectionCard title="How it is" padded>
              <KeyValues
                items={[
                  [
                    "State",
                    <span key="state" className="row">
                      <StatusChip status={row.health} />
                      <span className="muted">{healthWords(row)}</span>
                    </span>,
                  ],
                  ["Since", row.since && <Time at={row.since} />],
                  ["Why", row.code && <code>{row.code}</code>],
                  ["Type", known.type],
                  [
                    "Defined in",
                    known.place.includes("(server)") ? "the server" : <code>{known.place}</code>,
                  ],
                  [
                    "Calls this month",
                    usage && (
                      <Link key="usage" to="/usage" search={{ destination }}>
                        <Count value={usage.destinations[destination] ?? 0} />
                      </Link>
                    ),
                  ],
                ]}
              />
            </SectionCard>
            <WaitingCard destination={destination} waiting={row.waiting} />
            <GapsCard destination={destination} />
            <SyncsCard destination={destination} syncs={known.syncs} />
          </>
        );
      }}
    </Loaded>
  );
}
