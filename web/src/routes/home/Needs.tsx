/** What needs a person: what, why, since when, and the one thing to do. */
import { CircleCheck } from "lucide-react";
import { LinkButton } from "../../ui/Button";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import css from "./home.module.css";
import type { Action, Need } from "./needs";

export function Needs({ needs }: { needs: readonly Need[] }) {
  return (
    <SectionCard title="Needs a person">
      {needs.length === 0 ? (
        <p className={css.calm}>
          <CircleCheck size={16} aria-hidden />
          Nothing now. What goes wrong appears here, and goes when it is over.
        </p>
      ) : (
        <ul>
          {needs.map((need) => (
            <li key={need.key} className={css.need}>
              <div className={css.needState}>
                <StatusChip status={need.status} />
                {need.since && <Time at={need.since} />}
              </div>
              <div className={css.needBody}>
                <strong>{need.title}</strong>
                <p className={css.needText}>{need.text}</p>
              </div>
              <ActionLink action={need.action} about={need.title} />
            </li>
          ))}
        </ul>
      )}
    </SectionCard>
  );
}

function ActionLink({ action, about }: { action: Action; about: string }) {
  const text = (
    <>
      {action.label}
      <span className="sr-only">: {about}</span>
    </>
  );
  switch (action.to) {
    case "run":
      return (
        <LinkButton small to="/runs/$run/summary" params={{ run: String(action.run) }}>
          {text}
        </LinkButton>
      );
    case "rows":
      return (
        <LinkButton small to="/runs/$run/rows" params={{ run: String(action.run) }}>
          {text}
        </LinkButton>
      );
    case "letters":
      return (
        <LinkButton small to="/runs/$run/requests" params={{ run: String(action.run) }}>
          {text}
        </LinkButton>
      );
    case "sync":
      return (
        <LinkButton small to="/syncs/$sync" params={{ sync: action.sync }}>
          {text}
        </LinkButton>
      );
    case "schedule":
      return (
        <LinkButton small to="/syncs/$sync/schedule" params={{ sync: action.sync }}>
          {text}
        </LinkButton>
      );
    case "runs":
      return (
        <LinkButton small to="/runs" search={{ sync: action.sync, state: action.state }}>
          {text}
        </LinkButton>
      );
    case "destination":
      return (
        <LinkButton
          small
          to="/destinations/$destination"
          params={{ destination: action.destination }}
        >
          {text}
        </LinkButton>
      );
    case "alerts":
      return (
        <LinkButton small to="/alerts">
          {text}
        </LinkButton>
      );
    case "settings":
      return (
        <LinkButton small to="/settings">
          {text}
        </LinkButton>
      );
  }
}
