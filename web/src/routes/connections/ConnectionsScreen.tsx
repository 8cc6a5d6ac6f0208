/** Which source feeds which destination: a switch for each pair, with what it brings. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { ArrowLeftRight } from "lucide-react";
import { useState } from "react";
import { connectionsQuery, useConnect } from "../../api/queries/connections";
import { definitionsQuery } from "../../api/queries/definitions";
import { destinationsQuery } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import { syncsQuery } from "../../api/queries/syncs";
import type { DefinitionDocument } from "../../api/types";
import { matches } from "../../lib/search";
import { classes } from "../../lib/classes";
import { Button, LinkButton } from "../../ui/Button";
import { Failure } from "../../ui/Failure";
import { LetterLogo } from "../../ui/LetterLogo";
import { Choice, ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { isManaged } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { Page, SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { ConnectDialog } from "./ConnectDialog";
import css from "./connections.module.css";
import { pairsOf, type Pair } from "./matrix";
import { PairCell } from "./PairCell";

export const Route = createLazyRoute("/app/connections")({ component: ConnectionsScreen });

function ofKind(definitions: readonly DefinitionDocument[], kind: string): DefinitionDocument[] {
  return definitions.filter((one) => one.kind === kind && one.status !== "draft");
}

/** Syncs that name their destinations themselves, so that their source's list is not theirs. */
function withOwn(definitions: readonly DefinitionDocument[]): Set<string> {
  const own = definitions.filter(
    ({ kind, value }) =>
      kind === "sync" && typeof value === "object" && value !== null && "destinations" in value,
  );
  return new Set(own.map(({ name }) => name));
}

function ConnectionsScreen() {
  const { filter, view } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: { filter?: string | undefined; view?: "list" | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const definitions = useQuery(definitionsQuery);
  const connections = useQuery(connectionsQuery);
  const destinations = useQuery(destinationsQuery).data?.items;
  const syncs = useQuery(syncsQuery).data?.syncs;
  const connect = useConnect();
  const mayWrite = useMay("project.write");
  const [asked, setAsked] = useState<Pair | null>(null);
  /** What was switched off last: it can be undone. */
  const [undone, setUndone] = useState<Pair | null>(null);

  const isBusy = (pair: Pair) =>
    connect.isPending &&
    connect.variables.source === pair.source &&
    connect.variables.destination === pair.destination;
  const toggle = (pair: Pair) => {
    if (!pair.isOn) return setAsked(pair);
    const { source, destination } = pair;
    connect.mutate({ source, destination, connect: false }, { onSuccess: () => setUndone(pair) });
  };

  return (
    <Page
      title="Connections"
      description="Which source feeds which destination. A sync can name its own destinations in place of its source's."
    >
      <Loaded query={connections} permission="project.read">
        {(list) => {
          const all = definitions.data ?? [];
          const sources = ofKind(all, "source");
          const targets = ofKind(all, "destination").filter(({ name }) => matches(filter, name));
          const pairs = pairsOf({
            sources: sources.map(({ name }) => name),
            destinations: targets.map(({ name }) => name),
            connections: list.connections,
            syncs: syncs ?? [],
            own: withOwn(all),
          });
          const cell = (pair: Pair) => (
            <PairCell
              pair={pair}
              isBusy={isBusy(pair)}
              mayWrite={mayWrite}
              isManaged={isManaged(sources.find(({ name }) => name === pair.source))}
              onToggle={() => toggle(pair)}
            />
          );
          const typeOf = (name: string) =>
            destinations?.find(({ destination }) => destination === name)?.type;
          const isEmpty = sources.length === 0 || ofKind(all, "destination").length === 0;
          if (isEmpty && definitions.isPending) return null;
          if (isEmpty) return <Nothing hasSources={sources.length > 0} />;
          return (
            <>
              <ListTools
                label="Filter destinations"
                value={filter}
                onChange={(value) => set({ filter: value })}
              >
                <div className={css.view}>
                  <Choice
                    label="View"
                    value={view}
                    options={[
                      { value: undefined, name: "Matrix" },
                      { value: "list", name: "List" },
                    ]}
                    onChange={(value) => set({ view: value })}
                  />
                </div>
              </ListTools>
              <Failure error={connect.error} what="The connection was not changed" />
              {undone && (
                <Notice
                  live
                  tone="good"
                  title={`${undone.source} no longer sends to ${undone.destination}`}
                  onDismiss={() => setUndone(null)}
                  actions={
                    <Button
                      small
                      onClick={() => {
                        const { source, destination } = undone;
                        connect.mutate({ source, destination, connect: true });
                        setUndone(null);
                      }}
                    >
                      Undo
                    </Button>
                  }
                >
                  Calls that already wait are still sent.
                </Notice>
              )}
              <SectionCard>
                {view !== "list" && (
                  <div className={classes(css.scroll, css.wide)}>
                    <table className={css.matrix} aria-label="Connections">
                      <thead>
                        <tr>
                          <th scope="col">
                            <span className={css.small}>Source</span>
                          </th>
                          {targets.map(({ name }) => (
                            <th key={name} scope="col">
                              <span className={css.head}>
                                <LetterLogo name={typeOf(name) ?? name} />
                                <span>
                                  <Link
                                    to="/destinations/$destination"
                                    params={{ destination: name }}
                                  >
                                    {name}
                                  </Link>
                                  <span className={css.small}>{typeOf(name)}</span>
                                </span>
                              </span>
                            </th>
                          ))}
                        </tr>
                      </thead>
                      <tbody>
                        {sources.map(({ name }) => (
                          <tr key={name}>
                            <th scope="row">
                              <Link to="/sources/$source" params={{ source: name }}>
                                {name}
                              </Link>
                            </th>
                            {pairs
                              .filter(({ source }) => source === name)
                              .map((pair) => (
                                <td key={pair.destination}>{cell(pair)}</td>
                              ))}
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </div>
                )}
                <ul
                  className={classes(css.list, view !== "list" && css.narrow)}
                  aria-label="Connections as a list"
                >
                  {pairs.map((pair) => (
                    <li key={`${pair.source} ${pair.destination}`} className={css.pair}>
                      <strong>
                        {pair.source} to {pair.destination}
                      </strong>
                      {cell(pair)}
                    </li>
                  ))}
                </ul>
              </SectionCard>
            </>
          );
        }}
      </Loaded>
      {asked && (
        <ConnectDialog
          pair={asked}
          syncs={syncs ?? []}
          onClose={() => setAsked(null)}
          onConnected={() => setUndone(null)}
        />
      )}
    </Page>
  );
}

function Nothing({ hasSources }: { hasSources: boolean }) {
  return (
    <SectionCard>
      <EmptyState
        icon={ArrowLeftRight}
        title="Nothing to connect yet"
        action={
          hasSources ? (
            <LinkButton to="/destinations/catalogue" look="primary">
              Add Destination
            </LinkButton>
          ) : (
            <LinkButton to="/sources" look="primary">
              Sources
            </LinkButton>
          )
        }
      >
        A connection needs a source and a destination: what the source&apos;s syncs read goes there.
      </EmptyState>
    </SectionCard>
  );
}
