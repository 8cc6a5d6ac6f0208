/**
 * Runs on a line of time, one lane each. Bars have a shape for each kind of outcome: whole, half,
 * crossed, hatched (skipped), dashed (planned). A press on a bar opens the run. The same runs are in
 * a table near by, which is the form for the keyboard and for screen readers.
 */
import { useId, useLayoutEffect, useRef, useState, type MouseEvent, type ReactNode } from "react";
import { classes } from "../lib/classes";
import { useNow } from "../lib/now";
import { usePreferences } from "../lib/preferences";
import { clock, short } from "../lib/time";
import { drawn, shapeOf, ticks, type Drawn, type Mark, type Shape } from "../lib/run-lanes";
import { lookOf } from "./status";
import css from "./run-lanes.module.css";

export interface Lane {
  key: string;
  label: ReactNode;
  marks: readonly Mark[];
}

interface Props {
  lanes: readonly Lane[];
  /** In milliseconds since 1970. */
  from: number;
  to: number;
  /** What it shows, in a sentence. */
  label: string;
  onOpen?: (run: number) => void;
}

const LANE = 28;
const BAR = 14;
const AXIS = 20;

function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width] as const;
}

export function RunLanes({ lanes, from, to, label, onOpen }: Props) {
  const [plot, width] = useWidth();
  const { zone } = usePreferences();
  const now = useNow().getTime();
  const hatch = useId();
  const height = lanes.length * LANE;
  const open = (event: MouseEvent) => {
    const run = (event.target as Element).closest<SVGElement>("[data-run]")?.dataset.run;
    if (run) onOpen?.(Number(run));
  };
  const isLong = to - from > 36 * 3_600_000;
  return (
    <div className={css.timeline} style={{ "--lane": `${LANE}px` } as object}>
      <div className={css.labels}>
        {lanes.map(({ key, label: name }) => (
          <div key={key}>{name}</div>
        ))}
      </div>
      <div className={css.plot} ref={plot}>
        {/* A shortcut for the pointer: each run is a link in the table. */}
        {}
        <svg width={width} height={height + AXIS} role="img" aria-label={label} onClick={open}>
          <Hatch id={hatch} />
          {ticks(from, to, width, zone).map((at) => {
            const x = ((at - from) / (to - from)) * width;
            return (
              <g key={at}>
                <line className={css.tick} x1={x} x2={x} y1={0} y2={height} />
                <text className={css.tickText} x={x} y={height + 15} textAnchor={anchor(x, width)}>
                  {isLong ? short(new Date(at), zone) : clock(new Date(at), zone)}
                </text>
              </g>
            );
          })}
          {lanes.map(({ key, marks }, index) => (
            <g key={key} transform={`translate(0 ${index * LANE})`}>
              <line className={css.lane} x1={0} x2={width} y1={LANE / 2} y2={LANE / 2} />
              {drawn(marks, from, to, width, now).map((mark) => (
                <Bar key={mark.key} mark={mark} hatch={hatch} />
              ))}
            </g>
          ))}
          {now > from && now < to && (
            <line
              className={css.now}
              x1={((now - from) / (to - from)) * width}
              x2={((now - from) / (to - from)) * width}
              y1={0}
              y2={height}
            />
          )}
        </svg>
      </div>
    </div>
  );
}

function anchor(x: number, width: number): "start" | "middle" | "end" {
  if (x < 20) return "start";
  return x > width - 20 ? "end" : "middle";
}

function Hatch({ id }: { id: string }) {
  return (
    <defs>
      <pattern
        id={id}
        width={5}
        height={5}
        patternUnits="userSpaceOnUse"
        patternTransform="rotate(45)"
      >
        <line x1={0} y1={0} x2={0} y2={5} stroke="var(--skip)" strokeWidth={2} />
      </pattern>
    </defs>
  );
}

function Bar({ mark, hatch }: { mark: Drawn; hatch: string }) {
  const y = (LANE - BAR) / 2;
  return (
    <g
      className={classes(
        css.mark,
        css[lookOf(mark.status).tone],
        mark.shape === "planned" && css.planned,
      )}
      data-run={mark.run}
      data-tip={mark.title}
    >
      <Glyph shape={mark.shape} x={mark.x} y={y} width={mark.width} hatch={hatch} />
    </g>
  );
}

interface GlyphProps {
  shape: Shape;
  x: number;
  y: number;
  width: number;
  hatch: string;
}

function Glyph({ shape, x, y, width, hatch }: GlyphProps) {
  const box = { x: x + 0.5, y: y + 0.5, width: Math.max(1, width - 1), height: BAR - 1, rx: 1.5 };
  switch (shape) {
    case "half":
      return (
        <>
          <rect {...box} className={css.ground} fill="var(--raised)" stroke="currentColor" />
          <rect x={x} y={y + BAR / 2} width={width} height={BAR / 2} rx={1.5} fill="currentColor" />
        </>
      );
    case "crossed":
      return (
        <>
          <rect {...box} className={css.ground} fill="currentColor" stroke="currentColor" />
          <path
            d={`M${x + width / 2 - 4} ${y - 4}l8 ${BAR + 8}m0 ${-BAR - 8}l-8 ${BAR + 8}`}
            stroke="currentColor"
            strokeWidth={1.5}
          />
        </>
      );
    case "hatched":
      return <rect {...box} className={css.ground} fill={`url(#${hatch})`} stroke="currentColor" />;
    case "open":
      return (
        <rect
          {...box}
          className={css.ground}
          fill="var(--raised)"
          stroke="currentColor"
          strokeWidth={2}
        />
      );
    case "planned":
      return <rect {...box} fill="none" stroke="currentColor" strokeDasharray="2 2" />;
    case "whole":
      return <rect {...box} className={css.ground} fill="currentColor" stroke="currentColor" />;
  }
}

/** What the shapes mean: those that occur. */
export function TimelineLegend({ statuses }: { statuses: readonly string[] }) {
  const hatch = useId();
  return (
    <div className={css.legend}>
      {statuses.map((status) => (
        <span key={status}>
          <svg width={16} height={BAR + 8} aria-hidden className={css[lookOf(status).tone]}>
            <Hatch id={hatch} />
            <Glyph shape={shapeOf(status)} x={0} y={4} width={16} hatch={hatch} />
          </svg>
          {lookOf(status).word}
        </span>
      ))}
    </div>
  );
}
