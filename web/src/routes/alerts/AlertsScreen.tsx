/** What is wrong now: since when, why, and what to do. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { alertsQuery, receiversQuery } from "../../api/queries/alerts";
import { destinationsQuery } from "../../api/queries/destinations";
import { statusQuery } from "../../api/queries/status";
import type { AlertDocument } from "../../api/types";
import { counted } from "../../lib/number";
import { matches } from "../../lib/search";
import { LinkButton } from "../../ui/Button";
import { CopyButton } from "../../ui/Copy";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { alertWords, placeOf, type AlertPlace } from "./alert-words";
import css from "./alerts.module.css";
import { AlertTabs } from "./AlertTabs";

export const Route = createLazyRoute("/app/alerts")({ component: AlertsScreen });

function AlertsScreen() {
  const { filter } = Route.useSearch();
  const navigate = Route.useNavigate();
  const query = useQuery(alertsQuery);
  const receivers = useQuery(receiversQuery).data?.receivers;
  const status = useQuery(statusQuery).data;
  const destinations = useQuery(destinationsQuery).data?.items;
  const known = {
    syncs: (status?.syncs ?? []).map(({ sync }) => sync),
    destinations: (destinations ?? []).map(({ destination }) => destination),
    held: status?.held ?? [],
  };
  return (
    <Page
      title="Alerts"
      description="What is wrong now. An alert closes by itself once it is over."
      tabs={<AlertTabs open={query.data?.alerts.length} />}
    >
      {receivers?.length === 0 && (
        <Notice
          title="Alerts are shown here and sent nowhere"
          actions={
            <LinkButton to="/alerts/rules" small>
              Add a receiver
            </LinkButton>
          }
        >
          No one gets a message when something goes wrong.
        </Notice>
      )}
      {(query.data?.alerts.length ?? 0) > 5 && (
        <ListTools
          label="Filter alerts"
          value={filter}
          onChange={(value) => void navigate({ search: { filter: value }, replace: true })}
        />
      )}
      <SectionCard>
        <Loaded query={query} permission="alerts.read">
          {({ alerts }) => {
            const shown = alerts.filter((one) =>
              matches(filter, one.subject, one.message, one.code, alertWords(one.alert).title),
            );
            if (shown.length === 0) {
              return (
                <EmptyState icon={CircleCheck} title="Nothing is wrong" command="outflow alerts">
                  {filter ? `No alert has “${filter}” in it.` : "No alert is open."}
                </EmptyState>
              );
            }
            return (
              <ul aria-label={counted(shown.length, "open alert")}>
                {shown.map((one) => (
                  <AlertLine
                    key={`${one.alert} ${one.subject}`}
                    alert={one}
                    isSent={one.reported && receivers?.length !== 0}
                    place={placeOf(one.alert, one.subject, known)}
                  />
                ))}
              </ul>
            );
          }}
        </Loaded>
      </SectionCard>
    </Page>
  );
}

interface LineProps {
  alert: AlertDocument;
  /** A receiver has it. */
  isSent: boolean;
  place: AlertPlace;
}

function AlertLine({ alert, isSent, place }: LineProps) {
  const { title, todo } = alertWords(alert.alert);
  return (
    <li className={css.alert}>
      <div className={css.text}>
        <div className={css.title}>
          <h2>
            {title}: {alert.subject}
          </h2>
          <StatusChip
            status={isSent ? "reported" : "open"}
            tip={isSent ? "A receiver has it" : "No receiver has it yet"}
          />
        </div>
        <p>{alert.message}</p>
        <p className={css.todo}>
          <span>What to do:</span> {todo}
        </p>
        <p className={css.meta}>
          Since <Time at={alert.since} />
          {alert.code && (
            <>
              {" · "}
              <code>{alert.code}</code>
              <CopyButton
                text={`outflow explain ${alert.code}`}
                label="Copy the command to explain"
              />
            </>
          )}
        </p>
      </div>
      <PlaceLink place={place} />
    </li>
  );
}

function PlaceLink({ place }: { place: AlertPlace }) {
  switch (place.kind) {
    case "run":
      return (
        <LinkButton look="primary" to="/runs/$run" params={{ run: place.run }}>
          Decide run {place.run}
        </LinkButton>
      );
    case "sync":
      return (
        <LinkButton to="/syncs/$sync/runs" params={{ sync: place.sync }}>
          Runs of {place.sync}
        </LinkButton>
      );
    case "destination":
      return (
        <LinkButton to="/destinations/$destination/test" params={place}>
          Test {place.destination}
        </LinkButton>
      );
    case "settings":
      return <LinkButton to="/settings/general">This installation</LinkButton>;
  }
}
