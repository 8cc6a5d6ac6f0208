/** A card for each sync of a source: what it makes, how its last runs went, when the next is due. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus, RefreshCw } from "lucide-react";
import { definitionsQuery, type Value } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { latestRunsQuery } from "../../api/queries/runs";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import type { DefinitionDocument } from "../../api/types";
import { LinkButton } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { Sparkline } from "../../ui/Sparkline";
import { StatusChip } from "../../ui/StatusChip";
import { EmptyState } from "../../ui/states";
import { Count, Time } from "../../ui/values";
import { stateOf, syncRows, type SyncRow } from "../../lib/sync-state";
import { sourceName } from "./health";
import css from "./overview.module.css";

/** How many runs are shown as bars. */
const RUNS = 30;

export function SyncCards({ source }: { source: string }) {
  const query = useQuery(syncsQuery);
  const status = useQuery(statusQuery).data;
  const drafts = useQuery(definitionsQuery).data?.filter((one) => isDraftOf(one, source)) ?? [];
  const mayWrite = useMay("project.write");
  return (
    <Loaded query={query} permission="project.read">
      {({ syncs }) => {
        const rows = syncRows(
          syncs.filter((sync) => sourceName(sync) === source),
          status,
        );
        if (rows.length + drafts.length === 0) {
          return (
            <SectionCard>
              <EmptyState
                icon={RefreshCw}
                title="No syncs yet"
                action={
                  mayWrite && (
                    <LinkButton
                      to="/sources/$source/add-sync"
                      params={{ source }}
                      look="primary"
                      icon={Plus}
                    >
                      Add Sync
                    </LinkButton>
                  )
                }
              >
                A sync says which rows are read, how often, and what they become.
              </EmptyState>
            </SectionCard>
          );
        }
        return (
          <ul className={css.cards} aria-label={`Syncs of ${source}`}>
            {rows.map((row) => (
              <SyncCard key={row.sync.sync} row={row} />
            ))}
            {drafts.map((draft) => (
              <DraftCard key={draft.name} draft={draft} />
            ))}
          </ul>
        );
      }}
    </Loaded>
  );
}

function isDraftOf({ kind, status, value }: DefinitionDocument, source: string): boolean {
  if (kind !== "sync" || status !== "draft") return false;
  const of = (value as Value | null)?.source;
  return typeof of === "string" && of.split(".")[0] === source;
}

function SyncCard({ row }: { row: SyncRow }) {
  const { sync, status } = row;
  const runs = useQuery(latestRunsQuery({ sync: sync.sync }, RUNS)).data ?? [];
  const bars = runs.toReversed().map((run) => ({
    key: run.run,
    // The first run of a sync is so much larger that the others would not be seen beside it.
    value: Math.log10(1 + run.rows.read),
    status: run.state,
  }));
  return (
    <li className={css.card}>
      <div className={css.cardHead}>
        <h2 className={css.cardTitle}>
          <Link to="/syncs/$sync" params={{ sync: sync.sync }}>
            {sync.sync}
          </Link>
        </h2>
        <StatusChip status={stateOf(row)} tip={status?.last?.reason?.message} />
      </div>
      <p className={css.cardText}>{sync.description || "No description"}</p>
      <div className={css.spark}>
        {bars.length > 0 ? (
          <Sparkline
            bars={bars}
            label={`Rows of the last ${bars.length} runs, on a logarithmic scale`}
            height={28}
          />
        ) : (
          <span className="muted">No run yet</span>
        )}
        <Link to="/runs" search={{ sync: sync.sync }} className={css.runs}>
          Runs
        </Link>
      </div>
      <dl className={css.facts}>
        <Fact name="Makes">
          {sync.type} from {sync.source}
        </Fact>
        <Fact name="Schedule">{sync.schedule}</Fact>
        <Fact name="Last run">
          {status?.last ? (
            <Link to="/runs/$run" params={{ run: String(status.last.run) }}>
              <Time at={status.last.started_at} />
            </Link>
          ) : (
            "–"
          )}
        </Fact>
        <Fact name="Next run">
          <Time at={status?.next_due} none="not planned" />
        </Fact>
        {(status?.undelivered ?? 0) > 0 && (
          <Fact name="Waiting">
            <Count value={status!.undelivered} /> calls
          </Fact>
        )}
      </dl>
    </li>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function DraftCard({ draft }: { draft: DefinitionDocument }) {
  const value = draft.value as Value;
  return (
    <li className={css.card}>
      <div className={css.cardHead}>
        <h2 className={css.cardTitle}>
          <Link to="/syncs/$sync" params={{ sync: draft.name }}>
            {draft.name}
          </Link>
        </h2>
        <StatusChip status="draft" />
      </div>
      <p className={css.cardText}>
        {typeof value.description === "string" && value.description !== ""
          ? value.description
          : "It runs once it is enabled."}
      </p>
      <p className="muted">
        Changed <Time at={draft.at} />
      </p>
    </li>
  );
}
