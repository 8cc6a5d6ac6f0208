/** What a run did: its rows, and its calls at each destination, as sums. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { runQuery } from "../../api/queries/runs";
import { callsOf, rowsOf } from "../../lib/equation";
import { counted } from "../../lib/number";
import { secondsBetween } from "../../lib/time";
import { Equation } from "../../ui/Equation";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Bytes, Duration, Time } from "../../ui/values";

export const Route = createLazyRoute("/app/runs/$run/summary")({ component: SummaryTab });

function SummaryTab() {
  const params = Route.useParams();
  const entry = useQuery(runQuery(Number(params.run))).data;
  if (!entry) return null;
  return (
    <>
      <SectionCard title="Rows" padded>
        <Equation
          sum={rowsOf(entry.rows)}
          link={(term, text) =>
            term.label === "rejected" ? (
              <Link to="/runs/$run/rows" params={params}>
                {text}
              </Link>
            ) : (
              text
            )
          }
        />
      </SectionCard>
      {Object.entries(entry.destinations).map(([name, delivery]) => (
        <SectionCard
          key={name}
          title={
            <Link to="/destinations/$destination" params={{ destination: name }}>
              {name}
            </Link>
          }
          actions={<StatusChip status={delivery.state} />}
          padded
        >
          <div className="stack">
            {delivery.reason && (
              <Notice tone="warn" title={delivery.reason.code}>
                {delivery.reason.message}
              </Notice>
            )}
            <Equation sum={callsOf(delivery)} />
            <p className="muted">
              {counted(delivery.requests, "request")}, {counted(delivery.retries, "repeat")} among
              them, <Bytes value={delivery.bytes} />.
            </p>
          </div>
        </SectionCard>
      ))}
      <SectionCard title="Times" padded>
        <KeyValues
          items={[
            ["Due", <Time key="due" at={entry.due_at} as="absolute" />],
            ["Began", <Time key="from" at={entry.started_at} as="absolute" />],
            ["Ended", <Time key="to" at={entry.ended_at} as="absolute" none="not yet" />],
            [
              "Took",
              <Duration key="took" seconds={secondsBetween(entry.started_at, entry.ended_at)} />,
            ],
            ["Reading", <Duration key="read" seconds={entry.seconds.extract} />],
            ["Sending", <Duration key="send" seconds={entry.seconds.deliver} />],
          ]}
        />
      </SectionCard>
    </>
  );
}
