/** Times as people read them. Pure: the zone and the present are arguments. */

export type Zone = "local" | "utc";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The IANA name of the viewer's zone. */
export function localZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

function zoneName(zone: Zone): string {
  return zone === "utc" ? "UTC" : localZone();
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, kind: "full" | "short" | "clock" | "day"): Intl.DateTimeFormat {
  const key = `${zone} ${kind}`;
  const known = formats.get(key);
  if (known) return known;
  const day: Intl.DateTimeFormatOptions = { year: "numeric", month: "short", day: "numeric" };
  const clock: Intl.DateTimeFormatOptions = {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  };
  const options: Record<typeof kind, Intl.DateTimeFormatOptions> = {
    full: { ...day, ...clock, second: "2-digit", timeZoneName: "short" },
    short: { month: "short", day: "numeric", ...clock },
    clock,
    day,
  };
  const made = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options[kind] });
  formats.set(key, made);
  return made;
}

/** `28 Nov 2026, 06:31:02 UTC`. */
export function absolute(at: Date, zone: Zone): string {
  return format(zoneName(zone), "full").format(at);
}

/** `28 Nov, 06:31`, without a zone: the page says elsewhere which one it shows. */
export function short(at: Date, zone: Zone): string {
  return format(zoneName(zone), "short").format(at);
}

/** `06:31`. */
export function clock(at: Date, zone: Zone): string {
  return format(zoneName(zone), "clock").format(at);
}

/** `28 Nov 2026`. */
export function day(at: Date, zone: Zone): string {
  return format(zoneName(zone), "day").format(at);
}

/** The time in the viewer's zone and in UTC: once if they are the same. */
export function inBothZones(at: Date): string {
  const [local, utc] = [absolute(at, "local"), absolute(at, "utc")];
  return local === utc ? utc : `${local} · ${utc}`;
}

/** `5 min ago`, `in 3 h`, `now`. */
export function relative(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  const amount =
    size < MINUTE
      ? `${size} s`
      : size < HOUR
        ? `${Math.floor(size / MINUTE)} min`
        : size < 2 * DAY
          ? `${Math.floor(size / HOUR)} h`
          : `${Math.floor(size / DAY)} d`;
  return seconds < 0 ? `${amount} ago` : `in ${amount}`;
}

/** `420 ms`, `3.4 s`, `2 min 5 s`, `1 h 12 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${trim(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return pair(Math.floor(whole / MINUTE), "min", whole % MINUTE, "s");
  if (whole < DAY)
    return pair(Math.floor(whole / HOUR), "h", Math.floor((whole % HOUR) / MINUTE), "min");
  return pair(Math.floor(whole / DAY), "d", Math.floor((whole % DAY) / HOUR), "h");
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

function trim(text: string): string {
  return text.replace(/\.0$/, "");
}

/** Seconds between two times of the API; undefined if one is missing. */
export function secondsBetween(from?: string | null, to?: string | null): number | undefined {
  if (!from || !to) return undefined;
  return (Date.parse(to) - Date.parse(from)) / 1000;
}
