/** The timeline of a sync's runs, with what its skipped slots mean. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Minus, Plus } from "lucide-react";
import { timelineQuery } from "../../api/queries/timeline";
import type { SyncDetail } from "../../api/types";
import { classes } from "../../lib/classes";
import { count, counted, percent } from "../../lib/number";
import { useNow } from "../../lib/now";
import { duration } from "../../lib/time";
import {
  calmerInterval,
  everyMs,
  medianSeconds,
  spanOf,
  startOf,
  type Mark,
  type TimelineRun,
} from "../../lib/timeline";
import { ZOOMS, zoomNames, type Zoom } from "../../lib/zoom";
import { IconButton, LinkButton } from "../../ui/Button";
import { Choice } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { MarkLink, Timeline, type MarkProps } from "../../ui/Timeline";
import chart from "../../ui/timeline.module.css";
import css from "./syncs.module.css";

interface Props {
  detail: SyncDetail;
  zoom: Zoom;
  onZoom: (zoom: Zoom) => void;
}

export function RunTimeline({ detail, zoom, onZoom }: Props) {
  // The drawing stays while another window is read.
  const query = useQuery({
    ...timelineQuery(detail.sync, zoom),
    placeholderData: keepPreviousData,
  });
  const now = useNow().getTime();
  const step = (direction: 1 | -1) => {
    const next = ZOOMS[ZOOMS.indexOf(zoom) - direction];
    if (next) onZoom(next);
  };
  return (
    <SectionCard
      title="Timeline"
      text="Higher bars took longer. Arrow keys go from run to run, + and − zoom."
      actions={
        <div className={css.timelineHead}>
          <IconButton
            small
            icon={Minus}
            label="Zoom out"
            disabledReason={zoom === "30d" && "This is the farthest"}
            onClick={() => step(-1)}
          />
          <Choice
            label="Zoom"
            value={zoom}
            options={ZOOMS.map((value) => ({ value, name: zoomNames[value] }))}
            onChange={(value) => value && onZoom(value)}
          />
          <IconButton
            small
            icon={Plus}
            label="Zoom in"
            disabledReason={zoom === "1h" && "This is the nearest"}
            onClick={() => step(1)}
          />
        </div>
      }
      padded
    >
      <Loaded query={query} permission="runs.read">
        {({ runs, isCut }) => (
          <>
            <Timeline
              label={`Runs of ${detail.sync}, ${zoomNames[zoom]}`}
              runs={runs}
              planned={
                detail.enabled && !detail.paused_since ? detail.next_slots.map(({ at }) => at) : []
              }
              span={spanOf(zoom, now)}
              now={now}
              onZoom={step}
              link={(mark, props) => markLink(detail.sync, mark, props)}
            />
            <Legend />
            {isCut && (
              <p className="muted">
                The newest {count(runs.length)} runs are drawn; the table below has all.
              </p>
            )}
            <Skips runs={runs} detail={detail} now={now} zoom={zoom} />
          </>
        )}
      </Loaded>
    </SectionCard>
  );
}

/** A mark of one run opens it; one of several narrows the table to them. */
function markLink(sync: string, mark: Mark, props: MarkProps) {
  const [newest, oldest] = [mark.runs[0]!, mark.runs.at(-1)!];
  if (mark.runs.length === 1)
    return (
      <MarkLink key={newest.run} to="/runs/$run" params={{ run: String(newest.run) }} {...props} />
    );
  const since = new Date(Math.min(startOf(oldest), Date.parse(oldest.started_at))).toISOString();
  const until = new Date(Date.parse(newest.started_at) + 1).toISOString();
  return (
    <MarkLink
      key={`${newest.run}-${mark.state}`}
      to="/syncs/$sync/runs"
      params={{ sync }}
      search={(before: object) => ({ ...before, since, until })}
      resetScroll={false}
      {...props}
    />
  );
}

function Legend() {
  return (
    <div className={chart.legend} aria-hidden>
      <span>
        <i className={classes(chart.key, chart.good)} />
        succeeded
      </span>
      <span>
        <i className={classes(chart.key, chart.warn)} />
        partial, rejected rows, held
      </span>
      <span>
        <i className={classes(chart.key, chart.bad)} />
        failed
      </span>
      <span>
        <i className={classes(chart.key, chart.busy)} />
        in progress
      </span>
      <span>
        <i className={classes(chart.key, chart.keySkip)} />
        skipped slot
      </span>
      <span>
        <i className={classes(chart.key, chart.keyPlanned)} />
        planned
      </span>
    </div>
  );
}

interface SkipsProps {
  runs: readonly TimelineRun[];
  detail: SyncDetail;
  now: number;
  zoom: Zoom;
}

/** Why slots were skipped, how many, and what would help. */
function Skips({ runs, detail, now, zoom }: SkipsProps) {
  const skipped = runs.filter(({ state }) => state === "skipped");
  if (skipped.length === 0) return null;
  const blockers = new Map<number, number>();
  skipped.forEach(({ skipped_by: by }) => by && blockers.set(by, (blockers.get(by) ?? 0) + 1));
  const [worst] = [...blockers].sort((a, b) => b[1] - a[1]);
  const median = medianSeconds(runs, now);
  const blocker = runs.find(({ run }) => run === worst?.[0]);
  const isHeld = blocker?.state === "awaiting_approval";
  const every = everyMs(detail.schedule);
  const calmer = every && !isHeld ? calmerInterval(every, median) : undefined;
  return (
    <Notice
      tone={skipped.length / runs.length > 0.2 ? "warn" : "idle"}
      title={`${count(skipped.length)} of ${counted(runs.length, "slot")} in ${zoomNames[zoom]} skipped (${percent(skipped.length, runs.length)})`}
      actions={
        <>
          {worst && (
            <LinkButton small to="/runs/$run" params={{ run: String(worst[0]) }}>
              See run {worst[0]}
            </LinkButton>
          )}
          {!isHeld && (
            <LinkButton
              small
              to="/syncs/$sync/schedule"
              params={{ sync: detail.sync }}
              search={calmer ? { every: calmer } : {}}
            >
              {calmer ? `Try every ${calmer}` : "Change schedule"}
            </LinkButton>
          )}
        </>
      }
    >
      {worst && (
        <p>
          Run {worst[0]} was busy at {counted(worst[1], "slot")}
          {isHeld
            ? ": it awaits approval. Approve or reject it, and the next slot runs."
            : blocker
              ? `: it took ${duration(blocker.ended_at ? (Date.parse(blocker.ended_at) - Date.parse(blocker.started_at)) / 1000 : (now - Date.parse(blocker.started_at)) / 1000)}${blocker.ended_at ? "" : " so far"}.`
              : "."}
        </p>
      )}
      <p>No row is lost: a run reads all that has changed since the one before it.</p>
    </Notice>
  );
}
