/**
 * Runs on a line of time: a bar for each, as high as it took long; skipped slots hatched in a row of
 * their own; planned ones dashed behind now. Arrow keys go from mark to mark, Enter opens one, `+`
 * and `-` zoom. The table below it has the same runs: nothing is known by the drawing alone.
 */
import { createLink } from "@tanstack/react-router";
import {
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
  type AnchorHTMLAttributes,
  type KeyboardEvent,
  type ReactNode,
  type Ref,
} from "react";
import { classes } from "../lib/classes";
import { counted } from "../lib/number";
import { usePreferences } from "../lib/preferences";
import { clock, duration, short, type Zone } from "../lib/time";
import {
  marksOf,
  medianSeconds,
  plannedOf,
  startOf,
  ticksOf,
  type Mark,
  type Span,
  type TimelineRun,
} from "../lib/timeline";
import { lookOf } from "./status";
import css from "./timeline.module.css";
import { useWidth } from "./use-width";

const BARS = 88;
const SKIPS_TOP = BARS + 8;
const SKIPS = 16;
const AXIS = SKIPS_TOP + SKIPS + 6;
const HEIGHT = AXIS + 22;
/** Wider bars are light, so that what stands around them is seen. */
const WIDE_PX = 24;

interface MarkAnchorProps extends AnchorHTMLAttributes<SVGAElement> {
  ref?: Ref<SVGAElement>;
}

function MarkAnchor({ children, ...rest }: MarkAnchorProps) {
  return (
    <a {...(rest as object)} className={css.mark}>
      {children}
    </a>
  );
}

/** The link of a mark. */
export const MarkLink = createLink(MarkAnchor);

export interface MarkProps {
  "aria-label": string;
  "data-tip": string;
  "data-mark": number;
  tabIndex: number;
  onFocus: () => void;
  children: ReactNode;
}

interface Props {
  label: string;
  runs: readonly TimelineRun[];
  /** Times at which runs are planned. */
  planned: readonly string[];
  span: Span;
  now: number;
  /** The link of a mark: `<MarkLink to=… {...props} />`. */
  link: (mark: Mark, props: MarkProps) => ReactNode;
  /** `1`: nearer, `-1`: farther. */
  onZoom: (direction: 1 | -1) => void;
}

export function Timeline({ label, runs, planned, span, now, link, onZoom }: Props) {
  const { zone } = usePreferences();
  const [box, width] = useWidth<HTMLDivElement>(900);
  const [at, setAt] = useState(-1);
  const svg = useRef<SVGSVGElement>(null);
  const hatch = useId();
  const { bars, skips, median, most } = useMemo(() => {
    const skipped = runs.filter(({ state }) => state === "skipped");
    const ran = runs.filter(({ state }) => state !== "skipped");
    const found = marksOf(ran, span, width, now);
    return {
      bars: found,
      skips: marksOf(skipped, span, width, now),
      median: ran.length < 3 ? undefined : medianSeconds(ran, now),
      most: Math.max(1, ...found.map(({ seconds }) => seconds)),
    };
  }, [runs, span, width, now]);
  const marks = useMemo(() => [...bars, ...skips].sort((a, b) => a.x - b.x), [bars, skips]);
  const offset = zone === "utc" ? 0 : -new Date(now).getTimezoneOffset();
  const ticks = ticksOf(span, width, offset, width < 500 ? 56 : 96);
  const nowX = ((now - span.from) / (span.to - span.from)) * width;
  const focus = Math.min(at < 0 ? marks.length - 1 : at, marks.length - 1);

  // A zoom by key takes other marks: the focus stays within the drawing.
  const zoomedByKey = useRef(false);
  useEffect(() => {
    if (!zoomedByKey.current || document.activeElement !== document.body) return;
    svg.current?.querySelector<SVGElement>('[data-mark][tabindex="0"]')?.focus();
  }, [marks]);
  const zoom = (direction: 1 | -1) => {
    zoomedByKey.current = true;
    onZoom(direction);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step !== undefined) {
      const next = Math.max(0, Math.min(marks.length - 1, focus + step));
      setAt(next);
      svg.current?.querySelector<SVGElement>(`[data-mark="${next}"]`)?.focus();
    } else if (event.key === "+" || event.key === "=") zoom(1);
    else if (event.key === "-") zoom(-1);
    else return;
    event.preventDefault();
  };

  const medianY =
    median === undefined ? null : BARS - Math.max(0.14, Math.sqrt(median / most)) * BARS;
  return (
    <div ref={box} className={css.box}>
      {/* Arrow keys within the drawing move between its links. */}
      <svg
        ref={svg}
        width={width}
        height={HEIGHT}
        role="group"
        aria-label={label}
        onKeyDown={onKeyDown}
      >
        <defs>
          <pattern
            id={hatch}
            width="5"
            height="5"
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <line x1="0" y1="0" x2="0" y2="5" className={css.hatch} />
          </pattern>
        </defs>
        <g aria-hidden>
          {ticks.map((tick) => (
            <g key={tick.at}>
              <line className={css.grid} x1={tick.x} x2={tick.x} y1={0} y2={AXIS} />
              {tick.x < width - 30 && tick.x > 14 && (
                <text className={css.tick} x={tick.x} y={HEIGHT - 6}>
                  {tickText(tick.at, span, zone)}
                </text>
              )}
            </g>
          ))}
          <line className={css.base} x1={0} x2={width} y1={BARS} y2={BARS} />
          {medianY !== null && (
            <>
              <line className={css.median} x1={0} x2={width} y1={medianY} y2={medianY} />
              <text className={css.medianText} x={2} y={medianY - 4}>
                median {duration(median!)}
              </text>
            </>
          )}
          <rect
            className={css.ahead}
            x={nowX}
            width={Math.max(0, width - nowX)}
            y={0}
            height={AXIS}
          />
          {plannedOf(planned, span, width).map((slot) => (
            <rect
              key={slot.at}
              className={css.planned}
              data-tip={`Planned for ${short(new Date(slot.at), zone)}`}
              x={Math.max(slot.x, nowX + 2)}
              y={BARS - 24}
              width={6}
              height={24}
              rx={2}
            />
          ))}
          <line className={css.now} x1={nowX} x2={nowX} y1={0} y2={AXIS} />
        </g>
        {marks.map((mark, index) => {
          const isSkip = mark.state === "skipped";
          const text = markText(mark, zone);
          return link(mark, {
            "aria-label": text,
            "data-tip": text,
            "data-mark": index,
            tabIndex: index === focus ? 0 : -1,
            onFocus: () => setAt(index),
            children: isSkip ? (
              <rect
                className={css.skip}
                x={mark.x}
                y={SKIPS_TOP}
                width={mark.width}
                height={SKIPS}
                rx={2}
                fill={`url(#${hatch})`}
              />
            ) : (
              <Bar mark={mark} />
            ),
          });
        })}
      </svg>
    </div>
  );
}

/** A bar; its shape differs, too: failed is crossed out, partial has a notch on its top. */
function Bar({ mark }: { mark: Mark }) {
  const tone = lookOf(mark.state).tone;
  const height = mark.height * BARS;
  const y = BARS - height;
  return (
    <g className={classes(css.bar, css[tone])}>
      {/* What can be hit is higher than a short bar. */}
      <rect className={css.hit} x={mark.x} y={0} width={mark.width} height={BARS} />
      <rect
        className={mark.width > WIDE_PX ? css.wide : undefined}
        x={mark.x}
        y={y}
        width={mark.width}
        height={height}
        rx={Math.min(2, mark.width / 2)}
      />
      {tone === "bad" && (
        <path
          className={css.cross}
          d={`M${mark.x},${y} L${mark.x + mark.width},${BARS} M${mark.x + mark.width},${y} L${mark.x},${BARS}`}
        />
      )}
      {tone === "warn" && <circle cx={mark.x + mark.width / 2} cy={Math.max(4, y - 5)} r={2.5} />}
    </g>
  );
}

function tickText(at: number, span: Span, zone: Zone): string {
  const date = new Date(at);
  const isDays = span.to - span.from > 2 * 86_400_000;
  return isDays ? short(date, zone).split(",")[0]! : clock(date, zone);
}

function markText(mark: Mark, zone: Zone): string {
  const [newest, oldest] = [mark.runs[0]!, mark.runs.at(-1)!];
  if (mark.runs.length === 1) {
    const when = short(new Date(startOf(newest)), zone);
    if (newest.state === "skipped") {
      const by = newest.skipped_by ? `: run ${newest.skipped_by} was still in progress` : "";
      return `Slot of ${when} skipped${by}`;
    }
    return `Run ${newest.run}, ${lookOf(newest.state).word}, ${when}, ${duration(mark.seconds)}`;
  }
  const times = `${short(new Date(startOf(oldest)), zone)} to ${clock(new Date(startOf(newest)), zone)}`;
  if (mark.state === "skipped") return `${counted(mark.runs.length, "skipped slot")}, ${times}`;
  return `${counted(mark.runs.length, "run")}, worst: ${lookOf(mark.state).word}, ${times}`;
}
