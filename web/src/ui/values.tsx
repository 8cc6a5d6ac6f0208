/**
 * Times, durations, counts and sizes. Each shows the short form, and the exact one on hover and on
 * focus. Numbers have the same width each, so that columns of them can be compared.
 */
import { useNow } from "../lib/now";
import { bytes, compact, count } from "../lib/number";
import { usePreferences } from "../lib/preferences";
import { absolute, duration, inBothZones, relative, short } from "../lib/time";
import css from "./values.module.css";

interface TimeProps {
  /** A time of the API; nothing shows a dash. */
  at: string | null | undefined;
  /** `relative`: 5 min ago. `short`: 28 Nov, 06:31. `absolute`: with seconds and the zone. */
  as?: "relative" | "short" | "absolute";
  /** What stands there if there is no time. */
  none?: string;
}

export function Time({ at, as = "relative", none = "–" }: TimeProps) {
  const { zone } = usePreferences();
  const now = useNow();
  const date = at ? new Date(at) : null;
  if (!date || Number.isNaN(date.getTime())) return <span className="muted">{none}</span>;
  const text =
    as === "relative"
      ? relative(date, now)
      : as === "short"
        ? short(date, zone)
        : absolute(date, zone);
  return (
    <time className={css.value} dateTime={at!} data-tip={inBothZones(date)}>
      {text}
    </time>
  );
}

export function Duration({ seconds }: { seconds: number | null | undefined }) {
  if (seconds == null) return <span className="muted">–</span>;
  const exact = `${count(Math.round(seconds * 1000) / 1000)} s`;
  return (
    <span className={css.value} data-tip={exact}>
      {duration(seconds)}
    </span>
  );
}

interface CountProps {
  value: number | null | undefined;
  /** `1.2M`, with the exact number as the tooltip. */
  short?: boolean;
}

export function Count({ value, short: isShort = false }: CountProps) {
  if (value == null) return <span className="muted">–</span>;
  const text = isShort ? compact(value) : count(value);
  const exact = count(value);
  return (
    <span className={css.value} data-tip={text === exact ? undefined : exact}>
      {text}
    </span>
  );
}

export function Bytes({ value }: { value: number | null | undefined }) {
  if (value == null) return <span className="muted">–</span>;
  return (
    <span className={css.value} data-tip={`${count(value)} bytes`}>
      {bytes(value)}
    </span>
  );
}
