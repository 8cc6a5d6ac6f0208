/** Wall-clock times in a zone, and the moments that they are. */

/** The offset of a zone at a moment, in minutes east of UTC. */
function offsetAt(moment: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(moment);
  const get = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const wall = Date.UTC(
    get("year"),
    get("month") - 1,
    get("day"),
    get("hour"),
    get("minute"),
    get("second"),
  );
  return Math.round((wall - Math.floor(moment / 1000) * 1000) / 60_000);
}

function written(minutes: number): string {
  const size = Math.abs(minutes);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/**
 * `2026-12-01T09:00` in a zone as a time of the API: `2026-12-01T09:00:00+01:00`. A time that the
 * clocks skip counts from before the change; null if it is no time.
 */
export function inZone(wall: string, zone: string): string | null {
  const [, day, clock] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)/.exec(wall) ?? [];
  const asUtc = Date.parse(`${day}T${clock}:00Z`);
  if (!day || !clock || Number.isNaN(asUtc)) return null;
  const first = offsetAt(asUtc, zone);
  const offset = offsetAt(asUtc - first * 60_000, zone);
  return `${day}T${clock}:00${written(offset)}`;
}

/** The wall-clock time of a moment in a zone, as a field for times takes it. */
export function wallOf(at: string, zone: string): string {
  const moment = Date.parse(at);
  if (Number.isNaN(moment)) return "";
  return new Date(moment + offsetAt(moment, zone) * 60_000).toISOString().slice(0, 16);
}

export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone !== "";
  } catch {
    return false;
  }
}

export function allZones(): string[] {
  return ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];
}
