/** Is this sync healthy and fresh? Its last run, what waits, what it does. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { definitionQuery } from "../../api/queries/definitions";
import { gapsQuery } from "../../api/queries/gaps";
import { latestRunsQuery } from "../../api/queries/runs";
import { statusQuery } from "../../api/queries/status";
import { syncQuery } from "../../api/queries/syncs";
import type { RunListEntry, SyncDetail } from "../../api/types";
import { useNow } from "../../lib/now";
import { count, counted, percent } from "../../lib/number";
import { shownState, storyOf } from "../../lib/run-story";
import { secondsBetween } from "../../lib/time";
import { LinkButton } from "../../ui/Button";
import { CodeBlock } from "../../ui/Code";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { ManagedNotice } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import { Sparkline } from "../../ui/Sparkline";
import { StatusChip } from "../../ui/StatusChip";
import { Count, Duration, Time } from "../../ui/values";
import { runColumns } from "../runs/run-columns";
import { healthOf } from "./health";
import css from "./syncs.module.css";

export const Route = createLazyRoute("/app/syncs/$sync/overview")({ component: OverviewTab });

const SEEN = 100;
const DAY_MS = 86_400_000;

function OverviewTab() {
  const { sync } = Route.useParams();
  const detail = useQuery(syncQuery(sync)).data;
  const runs = useQuery(latestRunsQuery({ sync }, SEEN));
  const definition = useQuery(definitionQuery("sync", sync)).data;
  if (!detail) return null;
  return (
    <>
      <ManagedNotice definition={definition?.value} />
      <Missing sync={sync} />
      <Loaded query={runs} permission="runs.read">
        {(items) => (
          <>
            <Figures runs={items} detail={detail} />
            <LastRun runs={items} />
            <div className={css.two}>
              <Facts detail={detail} />
              <Waiting sync={sync} />
            </div>
            <SectionCard
              title="Latest runs"
              actions={
                <Link to="/syncs/$sync/runs" params={{ sync }}>
                  All runs
                </Link>
              }
            >
              <DataTable
                label="Latest runs"
                columns={runColumns("sync")}
                rows={items.slice(0, 10)}
                rowKey={({ run }) => run}
                empty={<p className={css.figure}>It has not run yet. Press Run now.</p>}
              />
            </SectionCard>
          </>
        )}
      </Loaded>
      <SectionCard
        title="Query"
        actions={
          <Link to="/syncs/$sync/query" params={{ sync }}>
            Versions
          </Link>
        }
        padded
      >
        <CodeBlock text={detail.query} label="Copy SQL" />
      </SectionCard>
    </>
  );
}

function Figures({ runs, detail }: { runs: readonly RunListEntry[]; detail: SyncDetail }) {
  const now = useNow();
  const { sync } = detail;
  const health = healthOf(runs, now.getTime() - DAY_MS);
  const bars = runs.slice(0, 30).reverse();
  const isWhole = runs.length < SEEN;
  return (
    <div className={css.figures}>
      <div className={css.figure}>
        <span className={css.figureName}>Fresh up to</span>
        <strong>
          <Time at={health.freshAt} none="never" />
        </strong>
        <span className={css.figureMore}>start of the last good run</span>
      </div>
      <div className={css.figure}>
        <span className={css.figureName}>Next run</span>
        <strong>
          {detail.paused_since ? (
            "paused"
          ) : (
            <Time at={detail.enabled ? detail.next_slots[0]?.at : null} none="by hand" />
          )}
        </strong>
        <span className={css.figureMore}>{detail.schedule}</span>
      </div>
      <div className={css.figure}>
        <span className={css.figureName}>Skipped in 24 h</span>
        <strong>
          <Link to="/syncs/$sync/runs" params={{ sync }} search={{ zoom: "24h", state: "skipped" }}>
            {isWhole || health.slots < SEEN ? count(health.skipped) : `${count(health.skipped)}+`}
          </Link>
        </strong>
        <span className={css.figureMore}>
          {health.slots > 0
            ? `${percent(health.skipped, health.slots)} of ${counted(health.slots, "slot")}`
            : "no slot yet"}
        </span>
      </div>
      <div className={css.figure}>
        <span className={css.figureName}>Usual duration</span>
        <strong>
          <Duration seconds={health.median} />
        </strong>
        <span className={css.figureMore}>median of the latest runs</span>
      </div>
      <div className={css.figure}>
        <span className={css.figureName}>Rows of the last {bars.length} runs</span>
        <Sparkline
          bars={bars.map((run) => ({ key: run.run, value: run.rows.read, status: run.state }))}
          label={`Rows of the last ${bars.length} runs`}
          width={140}
          height={32}
        />
      </div>
    </div>
  );
}

function LastRun({ runs }: { runs: readonly RunListEntry[] }) {
  const last = runs.find(({ state }) => state !== "skipped");
  if (!last) return null;
  const story = storyOf(last);
  return (
    <SectionCard
      title={
        <Link to="/runs/$run" params={{ run: String(last.run) }}>
          Last run: {last.run}
        </Link>
      }
      text={
        <>
          <Time at={last.started_at} />, took{" "}
          <Duration seconds={secondsBetween(last.started_at, last.ended_at)} />
        </>
      }
      actions={<StatusChip status={shownState(last)} />}
      padded
    >
      <div className="stack-tight">
        <p>{story.happened}</p>
        {story.next && <p className="muted">{story.next}</p>}
        <p className="row">
          <LinkButton small to="/runs/$run" params={{ run: String(last.run) }}>
            See run {last.run}
          </LinkButton>
          {last.rows.rejected > 0 && (
            <LinkButton small to="/runs/$run/rows" params={{ run: String(last.run) }}>
              See rejected rows
            </LinkButton>
          )}
        </p>
      </div>
    </SectionCard>
  );
}

function Facts({ detail }: { detail: SyncDetail }) {
  return (
    <SectionCard title="What it does" padded>
      <KeyValues
        items={[
          ["Type", detail.type],
          [
            "Source",
            <Link
              key="source"
              to="/sources/$source"
              params={{ source: detail.source.split(".")[0] ?? detail.source }}
            >
              {detail.source}
            </Link>,
          ],
          [
            "Destinations",
            detail.destinations.length === 0 ? (
              <Link key="none" to="/connections">
                none yet: connect one
              </Link>
            ) : (
              <span key="destinations" className="row">
                {detail.destinations.map((name) => (
                  <Link key={name} to="/destinations/$destination" params={{ destination: name }}>
                    {name}
                  </Link>
                ))}
              </span>
            ),
          ],
          ["Frequency", detail.schedule],
          ["Tags", detail.tags.length > 0 ? detail.tags.join(", ") : null],
        ]}
      />
    </SectionCard>
  );
}

/** Calls that wait, by destination, with the reason. */
function Waiting({ sync }: { sync: string }) {
  const waiting = (useQuery(statusQuery).data?.waiting ?? []).filter((one) => one.sync === sync);
  return (
    <SectionCard title="Calls that wait" padded>
      {waiting.length === 0 ? (
        <p className="muted">None: every call is settled.</p>
      ) : (
        <KeyValues
          items={waiting.map((one) => [
            one.destination,
            <span key={one.destination} className="stack-tight">
              <span>
                <Count value={one.calls} /> {one.calls === 1 ? "call" : "calls"}
                {one.oldest && (
                  <>
                    , the oldest of{" "}
                    <Link to="/runs/$run" params={{ run: String(one.oldest) }}>
                      run {one.oldest}
                    </Link>
                  </>
                )}
              </span>
              {one.reason && (
                <span className="muted">
                  {one.reason.code}: {one.reason.message}
                </span>
              )}
            </span>,
          ])}
        />
      )}
    </SectionCard>
  );
}

/** What destinations of the sync have not got. */
function Missing({ sync }: { sync: string }) {
  const gaps = useQuery(gapsQuery(sync)).data;
  const all = [...(gaps?.missing ?? []), ...(gaps?.left_out ?? []), ...(gaps?.unsent ?? [])];
  const names = [...new Set(all.map(({ destination }) => destination))];
  if (names.length === 0) return null;
  return (
    <Notice
      tone="warn"
      title={`${names.join(", ")} ${names.length === 1 ? "has" : "have"} not got everything`}
      actions={names.map((name) => (
        <LinkButton key={name} small to="/destinations/$destination" params={{ destination: name }}>
          See {name}
        </LinkButton>
      ))}
    >
      Calls of some runs were left out. A backfill sends what is missing.
    </Notice>
  );
}
