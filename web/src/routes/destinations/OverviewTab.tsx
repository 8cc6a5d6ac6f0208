/** What a destination is, and which syncs feed it. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { destinationsQuery } from "../../api/queries/destinations";
import { statusQuery } from "../../api/queries/status";
import { Loaded } from "../../ui/Loaded";
import { KeyValues, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";

export const Route = createLazyRoute("/app/destinations/$destination/overview")({
  component: OverviewTab,
});

function OverviewTab() {
  const { destination } = Route.useParams();
  const query = useQuery(destinationsQuery);
  const health = useQuery(statusQuery).data?.serving?.destinations.find(
    (one) => one.destination === destination,
  );
  return (
    <SectionCard title="What it is" padded>
      <Loaded query={query} permission="project.read">
        {({ items }) => {
          const known = items.find((one) => one.destination === destination);
          return (
            <KeyValues
              items={[
                ["State", health && <StatusChip status={health.health} />],
                ["Since", health?.since && <Time at={health.since} />],
                ["Why", health?.code && <code>{health.code}</code>],
                ["Type", known?.type],
                ["Place", known && <code>{known.place}</code>],
                [
                  "Syncs",
                  known && (
                    <span className="row">
                      {known.syncs.map((sync) => (
                        <Link key={sync} to="/syncs/$sync" params={{ sync }}>
                          {sync}
                        </Link>
                      ))}
                    </span>
                  ),
                ],
              ]}
            />
          );
        }}
      </Loaded>
    </SectionCard>
  );
}
