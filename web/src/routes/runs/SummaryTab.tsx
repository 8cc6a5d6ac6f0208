/** What a run did: its stages, its rows, its calls at each destination, as sums that add up. */
import { createLazyRoute, Link } from "@tanstack/react-router";
import { rowsOf } from "../../lib/equation";
import { count } from "../../lib/number";
import { Equation } from "../../ui/Equation";
import { SectionCard } from "../../ui/Page";
import { isGoingOn } from "../../ui/status";
import { DestinationCard } from "./DestinationCard";
import { HeldCard } from "./HeldCard";
import { LiveCard } from "./LiveCard";
import { useRunView } from "./run-context";
import { RunFacts } from "./RunFacts";
import css from "./runs.module.css";
import { Stages } from "./Stages";

export const Route = createLazyRoute("/app/runs/$run/summary")({ component: SummaryTab });

function SummaryTab() {
  const { entry, live } = useRunView();
  const params = { run: String(entry.run) };
  if (entry.state === "skipped") return <RunFacts entry={entry} />;
  const again = entry.rows.rejected_again ?? 0;
  const isDecided = entry.state === "awaiting_approval" || entry.state === "rejected";
  const isRead = entry.state !== "queued" && entry.state !== "extracting";
  return (
    <>
      {entry.state === "awaiting_approval" && <HeldCard entry={entry} />}
      {isGoingOn(entry.state) && <LiveCard entry={entry} live={live} />}
      <Stages entry={entry} live={live} />
      <div className={css.cards}>
        {isRead && entry.state !== "failed" && entry.state !== "cancelled" && (
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
            {again > 0 && (
              <p className="muted">
                {count(again)} of the unchanged rows were rejected by the run before, too, for the
                same reason.
              </p>
            )}
          </SectionCard>
        )}
        {Object.entries(entry.destinations).map(([name, delivery]) => (
          <DestinationCard
            key={name}
            run={entry.run}
            name={name}
            delivery={delivery}
            live={live.destinations[name]}
            state={isDecided ? entry.state : undefined}
          />
        ))}
      </div>
      <RunFacts entry={entry} />
    </>
  );
}
