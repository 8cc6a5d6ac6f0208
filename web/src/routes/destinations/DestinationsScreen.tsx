/** All destinations, and how each is. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { Pause, Play, Plus, Send } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { definitionsQuery } from "../../api/queries/definitions";
import { destinationsQuery, usePauseDestination } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import { statusQuery } from "../../api/queries/status";
import { matches } from "../../lib/search";
import { Button, LinkButton } from "../../ui/Button";
import { Above, DataTable, RowLink, type Column } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { LetterLogo } from "../../ui/LetterLogo";
import { Choice, ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Count, Time } from "../../ui/values";
import css from "./destinations.module.css";
import { healthWords, rowOf, type DestinationRow } from "./health";

export const Route = createLazyRoute("/app/destinations")({ component: DestinationsScreen });

const columns: Column<DestinationRow>[] = [
  {
    id: "destination",
    header: "Destination",
    sort: (row) => row.destination.destination,
    cell: ({ destination: { destination, type } }) => (
      <span className={css.name}>
        <LetterLogo name={type} />
        <RowLink to="/destinations/$destination" params={{ destination }}>
          {destination}
        </RowLink>
      </span>
    ),
  },
  {
    id: "health",
    header: "State",
    sort: ({ health }) => health,
    cell: (row) => (
      <span className="row">
        <StatusChip status={row.health} tip={healthWords(row)} />
        {row.code && <code>{row.code}</code>}
        {row.since && (
          <span className="muted">
            since <Time at={row.since} />
          </span>
        )}
      </span>
    ),
  },
  {
    id: "type",
    header: "Type",
    sort: (row) => row.destination.type,
    cell: ({ destination }) => destination.type,
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
    sort: ({ calls }) => calls,
    cell: ({ calls, destination: { destination } }) =>
      calls === 0 ? (
        <Count value={0} />
      ) : (
        <Above>
          <Link to="/destinations/$destination/overview" params={{ destination }}>
            <Count value={calls} />
            <span className="sr-only"> calls wait for {destination}</span>
          </Link>
        </Above>
      ),
  },
  {
    id: "place",
    header: "Defined in",
    low: true,
    cell: ({ destination: { place } }) =>
      place.includes("(server)") ? <span className="muted">the server</span> : <code>{place}</code>,
  },
];

function DestinationsScreen() {
  const { filter, sort, state } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: {
    filter?: string | undefined;
    sort?: string | undefined;
    state?: typeof state;
  }) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const query = useQuery(destinationsQuery);
  const status = useQuery(statusQuery).data;
  const pause = usePauseDestination();
  const mayPause = useMay("pauses.write");
  const mayWrite = useMay("project.write");
  const drafts = useQuery(definitionsQuery).data?.filter(
    (one) => one.kind === "destination" && one.status === "draft",
  );
  const add = (
    <LinkButton to="/destinations/catalogue" look="primary" icon={Plus}>
      Add Destination
    </LinkButton>
  );
  const withPause: Column<DestinationRow>[] = [
    ...columns,
    {
      id: "pause",
      header: "Pause",
      bare: true,
      align: "end",
      cell: ({ destination: { destination, paused_since: since } }) => (
        <Above>
          <Button
            small
            icon={since ? Play : Pause}
            pending={pause.isPending && pause.variables.destination === destination}
            disabledReason={!mayPause && needsRole("pauses.write")}
            onClick={() => pause.mutate({ destination, pause: !since })}
          >
            {since ? "Resume" : "Pause"}
            <span className="sr-only"> {destination}</span>
          </Button>
        </Above>
      ),
    },
  ];
  return (
    <Page title="Destinations" description="Where the calls go." actions={mayWrite && add}>
      <Loaded query={query} permission="project.read">
        {({ items }) => {
          const rows = items.map((item) => rowOf(item, status));
          const inState = {
            trouble: rows.filter(({ health }) => health !== "healthy" && health !== "paused"),
            waiting: rows.filter(({ calls }) => calls > 0),
            paused: rows.filter(({ health }) => health === "paused"),
          };
          const chosen = state ? inState[state] : rows;
          return (
            <>
              <ListTools
                label="Filter destinations"
                value={filter}
                onChange={(value) => set({ filter: value })}
              >
                <Choice
                  label="State"
                  value={state}
                  options={[
                    { value: undefined, name: "All", count: rows.length },
                    { value: "trouble", name: "In trouble", count: inState.trouble.length },
                    { value: "waiting", name: "With calls waiting", count: inState.waiting.length },
                    { value: "paused", name: "Paused", count: inState.paused.length },
                  ]}
                  onChange={(value) => set({ state: value })}
                />
              </ListTools>
              <Failure error={pause.error} />
              <SectionCard>
                <DataTable
                  label="Destinations"
                  noun="destination"
                  columns={withPause}
                  rows={chosen.filter(({ destination }) =>
                    matches(filter, destination.destination, destination.type, destination.place),
                  )}
                  rowKey={(row) => row.destination.destination}
                  sort={sort}
                  onSort={(value) => set({ sort: value })}
                  empty={
                    <EmptyState
                      icon={Send}
                      title={filter || state ? "No destination fits" : "No destinations yet"}
                      action={!filter && !state && mayWrite && add}
                      {...(filter || state ? {} : { command: "outflow destination test" })}
                    >
                      {filter || state
                        ? "No destination has this name, type or state."
                        : "A destination takes the calls that rows become."}
                    </EmptyState>
                  }
                />
              </SectionCard>
              {drafts && drafts.length > 0 && (
                <p className="muted">
                  Drafts, which are no part of the project yet:{" "}
                  {drafts.map(({ name }) => name).join(", ")}.
                </p>
              )}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
