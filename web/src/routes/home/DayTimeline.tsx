/**
 * The runs of the last day, and what is due next: the syncs with the most trouble first, twenty at
 * most. A young installation sees no more time than there is something in.
 */
import { Link, useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import type { StatusDocument } from "../../api/types";
import { counted } from "../../lib/number";
import { rankOf, type SyncRow } from "../../lib/sync-state";
import { markOf, windowHours, type Mark } from "../../lib/run-lanes";
import { SectionCard } from "../../ui/Page";
import { lookOf } from "../../ui/status";
import { RunLanes, TimelineLegend, type Lane } from "../../ui/RunLanes";
import { Time } from "../../ui/values";
import type { Day } from "./day";

const MOST_LANES = 20;

interface Props {
  rows: readonly SyncRow[];
  day: Day;
  status: StatusDocument;
}

const HOUR_MS = 3_600_000;
/** So much of the line lies in the future. */
const AHEAD = 0.06;

export function DayTimeline({ rows, day, status }: Props) {
  const navigate = useNavigate();
  const oldest = day.runs.at(-1)?.started_at;
  const hours = windowHours(oldest ? Date.parse(oldest) : day.to, day.to);
  const from = day.isWhole ? day.to - hours * HOUR_MS : day.from;
  const to = day.to + AHEAD * (day.to - from);
  const { lanes, statuses } = useMemo(
    () => lanesOf(rows, day, plannedMarks(status, to)),
    [rows, day, status, to],
  );
  const text = day.isWhole ? (
    hours === 1 ? (
      "The last hour"
    ) : (
      `The last ${hours} hours`
    )
  ) : (
    <>
      Since <Time at={new Date(from).toISOString()} as="short" />: the latest{" "}
      {counted(day.runs.length, "run")}
    </>
  );
  return (
    <SectionCard title="Runs" text={text} actions={<Link to="/runs">All runs</Link>}>
      <RunLanes
        lanes={lanes}
        from={from}
        to={to}
        label={`${counted(day.runs.length, "run")} of ${counted(lanes.length, "sync")}. The list of runs has the same.`}
        onOpen={(run) => void navigate({ to: "/runs/$run", params: { run: String(run) } })}
      />
      <TimelineLegend statuses={statuses} />
    </SectionCard>
  );
}

function plannedMarks(status: StatusDocument, until: number): Map<string, Mark> {
  const due = status.syncs.filter(
    ({ next_due: at, paused_since: paused }) => at && !paused && Date.parse(at) < until,
  );
  return new Map(
    due.map(({ sync, next_due: at }) => {
      const start = Date.parse(at!);
      const title = `Next run of ${sync}`;
      return [sync, { key: "planned", status: "planned", start, end: start, title }];
    }),
  );
}

function lanesOf(rows: readonly SyncRow[], day: Day, planned: Map<string, Mark>) {
  const bySync = Map.groupBy(day.runs, ({ sync }) => sync);
  const chosen = [...rows].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, MOST_LANES);
  const lanes: Lane[] = chosen.map(({ sync: { sync } }) => {
    const runs = (bySync.get(sync) ?? []).map((run) => markOf(run, lookOf(run.state).word));
    const next = planned.get(sync);
    const label = (
      <Link to="/syncs/$sync" params={{ sync }}>
        {sync}
      </Link>
    );
    return { key: sync, label, marks: next ? [...runs, next] : runs };
  });
  const known = new Set(lanes.flatMap(({ marks }) => marks.map(({ status }) => status)));
  return { lanes, statuses: [...known].sort() };
}
