/**
 * Amounts by day as bars, in two parts: what went well, and what did not. A bar says its numbers on
 * hover and on focus; the arrow keys go from day to day. The caller has the same as a table.
 */
import { useState, type KeyboardEvent } from "react";
import { classes } from "../lib/classes";
import { compact, count } from "../lib/number";
import css from "./day-bars.module.css";

export interface DayBar {
  /** What the day is called: `28`. */
  label: string;
  /** What is said of it. */
  title: string;
  good: number;
  bad: number;
  /** It has not come yet. */
  isAhead?: boolean;
}

interface Props {
  bars: readonly DayBar[];
  label: string;
  /** What the parts are called. */
  parts: readonly [string, string];
}

const HEIGHT = 160;

/** The next round number: 1, 2 or 5 with zeros. */
function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

export function DayBars({ bars, label, parts }: Props) {
  const most = ceiling(Math.max(1, ...bars.map(({ good, bad }) => good + bad)));
  const [at, setAt] = useState<number | null>(null);
  const go = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setAt((now) =>
      Math.min(bars.length - 1, Math.max(0, (now ?? (step > 0 ? -1 : bars.length)) + step)),
    );
  };
  const said = ({ title, good, bad }: DayBar) =>
    `${title}: ${count(good)} ${parts[0]}, ${count(bad)} ${parts[1]}`;
  const bar = at === null ? null : bars[at];
  return (
    <figure className={css.figure}>
      <div className={css.legend}>
        <span>
          <i className={css.goodMark} aria-hidden /> {parts[0]}
        </span>
        <span>
          <i className={css.badMark} aria-hidden /> {parts[1]}
        </span>
        <span className={css.said} aria-hidden>
          {bar && said(bar)}
        </span>
      </div>
      <div className={css.plot}>
        <div className={css.axis} aria-hidden>
          <span>{compact(most)}</span>
          <span>{compact(most / 2)}</span>
          <span>0</span>
        </div>
        {/* Arrow keys go from day to day, and what is said of the day is read out. */}
        <div
          className={css.bars}
          role="slider"
          tabIndex={0}
          aria-label={label}
          aria-valuemin={0}
          aria-valuemax={bars.length}
          aria-valuenow={at === null ? 0 : at + 1}
          aria-valuetext={bar ? said(bar) : "No day chosen"}
          onKeyDown={go}
          onBlur={() => setAt(null)}
          onPointerLeave={() => setAt(null)}
        >
          {bars.map((one, index) => (
            <div
              key={one.label}
              className={classes(css.slot, index === at && css.now)}
              onPointerEnter={() => setAt(index)}
            >
              <svg
                className={css.bar}
                viewBox={`0 0 10 ${HEIGHT}`}
                preserveAspectRatio="none"
                aria-hidden
              >
                <rect
                  className={css.good}
                  x="0"
                  width="10"
                  y={HEIGHT - ((one.good + one.bad) / most) * HEIGHT}
                  height={(one.good / most) * HEIGHT}
                />
                <rect
                  className={css.bad}
                  x="0"
                  width="10"
                  y={HEIGHT - (one.bad / most) * HEIGHT}
                  height={(one.bad / most) * HEIGHT}
                />
              </svg>
              <span className={classes(css.day, one.isAhead && css.ahead)} aria-hidden>
                {one.label}
              </span>
            </div>
          ))}
        </div>
      </div>
    </figure>
  );
}
