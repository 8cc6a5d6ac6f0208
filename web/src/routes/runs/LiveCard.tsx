/** A run while it goes on: how far, how fast, how long still, and what slows it down. */
import { useState } from "react";
import { rateOf, remainingSeconds, type RunLive, type Sample } from "../../api/live/run-live";
import type { RunListEntry } from "../../api/types";
import { useNow } from "../../lib/now";
import { count, percent } from "../../lib/number";
import { duration, secondsBetween } from "../../lib/time";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import css from "./runs.module.css";

interface Props {
  entry: RunListEntry;
  live: RunLive;
}

export function LiveCard({ entry, live }: Props) {
  const now = useNow();
  const isReading = entry.state !== "delivering";
  const destinations = Object.entries(entry.destinations).map(([name, delivery]) => {
    const heard = live.destinations[name];
    return { name, counts: heard?.counts ?? delivery, throttle: heard?.throttle ?? null, delivery };
  });
  const pending = destinations.reduce((sum, { counts }) => sum + counts.pending, 0);
  const rate = rateOf(live.samples, isReading ? "rows" : "settled");
  const remaining = isReading ? undefined : remainingSeconds(pending, rate);
  const took = secondsBetween(entry.started_at, now.toISOString()) ?? 0;
  return (
    <SectionCard title="Live" text="As it happens" padded>
      <div className={css.live}>
        <div className={css.figures}>
          <Figure value={duration(Math.max(0, took))} label="so far" />
          {isReading ? (
            <Figure value={count(live.rows)} label="rows read" />
          ) : (
            <Figure value={count(pending)} label="calls left" />
          )}
          <Figure
            value={rate === undefined ? "–" : count(Math.round(rate))}
            label={isReading ? "rows per second" : "calls per second"}
          />
          {!isReading && (
            <Figure
              value={remaining === undefined ? "–" : `about ${duration(Math.ceil(remaining))}`}
              label="to go at this rate"
            />
          )}
        </div>
        <RateChart samples={live.samples} what={isReading ? "rows" : "settled"} />
        <div className={css.bars}>
          {destinations.map(({ name, counts, throttle }) => (
            <div key={name} className={css.progress}>
              <div className={css.progressHead}>
                <span>{name}</span>
                <span className="muted num">
                  {count(counts.calls - counts.pending)} of {count(counts.calls)} calls,{" "}
                  {percent(counts.calls - counts.pending, counts.calls)}
                </span>
              </div>
              <progress
                aria-label={`Calls settled at ${name}`}
                max={Math.max(1, counts.calls)}
                value={counts.calls - counts.pending}
              />
              {throttle && (
                <Notice
                  tone="warn"
                  title={`${throttle.code} from ${name}, waiting ${duration(throttle.seconds)}`}
                >
                  The request is repeated by itself. Nothing is lost.
                </Notice>
              )}
            </div>
          ))}
        </div>
      </div>
      <Said entry={entry} live={live} />
    </SectionCard>
  );
}

function Figure({ value, label }: { value: string; label: string }) {
  return (
    <div className={css.figure}>
      <strong>{value}</strong>
      <span>{label}</span>
    </div>
  );
}

const SAY_MS = 5_000;

/** For screen readers: how far it is, at most every five seconds. */
function Said({ entry, live }: Props) {
  const now = useNow().getTime();
  const settled = live.samples.at(-1);
  const text =
    entry.state === "delivering"
      ? `${count(settled?.settled ?? 0)} calls settled`
      : `${count(live.rows)} rows read`;
  const [said, setSaid] = useState({ at: 0, text: "" });
  if (now - said.at >= SAY_MS && said.text !== text) setSaid({ at: now, text });
  return (
    <span className="sr-only" role="status">
      {said.text}
    </span>
  );
}

/** How many per second, over what was heard. The figures above say the same. */
function RateChart({ samples, what }: { samples: readonly Sample[]; what: "rows" | "settled" }) {
  const points = samples.slice(1).map((sample, index) => {
    const before = samples[index]!;
    const seconds = Math.max(0.05, (sample.at - before.at) / 1000);
    return { at: sample.at, rate: Math.max(0, (sample[what] - before[what]) / seconds) };
  });
  if (points.length < 3) return null;
  const [from, to] = [points[0]!.at, points.at(-1)!.at];
  const most = Math.max(1, ...points.map(({ rate }) => rate));
  const line = points
    .map(({ at, rate }, index) => {
      const x = ((at - from) / Math.max(1, to - from)) * 100;
      return `${index === 0 ? "M" : "L"}${x.toFixed(2)},${(46 - (rate / most) * 42).toFixed(1)}`;
    })
    .join(" ");
  return (
    <svg className={css.rate} viewBox="0 0 100 48" preserveAspectRatio="none" aria-hidden>
      <path className={css.area} d={`${line} L100,48 L0,48 Z`} />
      <path d={line} />
    </svg>
  );
}
