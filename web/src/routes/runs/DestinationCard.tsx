/** The calls of a run at one destination, as a sum; each number leads to what it counts. */
import { Link } from "@tanstack/react-router";
import type { LiveDestination } from "../../api/live/run-live";
import type { DeliveryDocument } from "../../api/types";
import { callsOf } from "../../lib/equation";
import { Equation } from "../../ui/Equation";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Bytes, Count } from "../../ui/values";

interface Props {
  run: number;
  name: string;
  delivery: DeliveryDocument;
  live: LiveDestination | undefined;
  /** What is shown in place of the delivery's state: a held run sends nothing. */
  state?: string | undefined;
}

export function DestinationCard({ run, name, delivery, live, state }: Props) {
  // What is heard is newer than what was read, as long as it goes on.
  const isLive = delivery.state === "delivering" && live !== undefined;
  const counts = isLive ? { ...delivery, ...live.counts } : delivery;
  return (
    <SectionCard
      title={
        <Link to="/destinations/$destination" params={{ destination: name }}>
          {name}
        </Link>
      }
      actions={<StatusChip status={state ?? delivery.state} />}
      padded
    >
      <div className="stack">
        {delivery.reason && (
          <Notice
            tone={delivery.state === "stopped" ? "bad" : "warn"}
            title={`${delivery.reason.code}: ${delivery.reason.message}`}
          >
            {delivery.state === "stopped" &&
              "Its calls are kept in order. The next run of the sync goes on with them, and so does a resumed destination."}
          </Notice>
        )}
        <Equation
          sum={callsOf(counts)}
          link={(term, text) => {
            if (term.label === "dead letters")
              return (
                <Link
                  to="/runs/$run/requests"
                  params={{ run: String(run) }}
                  search={{ destination: name }}
                >
                  {text}
                </Link>
              );
            if (term.label === "waiting")
              return (
                <Link to="/destinations/$destination" params={{ destination: name }}>
                  {text}
                </Link>
              );
            return text;
          }}
        />
        <p className="muted">
          <Count value={counts.requests} /> {counts.requests === 1 ? "request" : "requests"},{" "}
          <Count value={counts.retries} /> of them repeats, <Bytes value={counts.bytes} /> sent.
        </p>
      </div>
    </SectionCard>
  );
}
