/** Sums of usage: by day, by sync, against budgets, and how the month may end. */
import type { DefinitionDocument, UsageDocument } from "../../api/types";

type Entry = UsageDocument["entries"][number];

export interface UsageFilter {
  sync?: string | undefined;
  destination?: string | undefined;
}

export function fitting(entries: readonly Entry[], { sync, destination }: UsageFilter): Entry[] {
  return entries.filter(
    (entry) =>
      (!sync || entry.sync === sync) && (!destination || entry.destination === destination),
  );
}

export interface Line {
  key: string;
  sync: string;
  destination: string;
  type: string;
  calls: number;
  delivered: number;
  dead: number;
}

export interface Sum {
  calls: number;
  delivered: number;
  dead: number;
}

export function sumOf(entries: readonly Entry[]): Sum {
  const sum = { calls: 0, delivered: 0, dead: 0 };
  for (const entry of entries) {
    sum.calls += entry.calls;
    sum.delivered += entry.delivered;
    sum.dead += entry.dead_letters;
  }
  return sum;
}

/** The days are added up: one line for each sync, destination and type. */
export function linesOf(entries: readonly Entry[]): Line[] {
  const lines = new Map<string, Line>();
  for (const { sync, destination, type, ...entry } of entries) {
    const key = `${sync} ${destination} ${type}`;
    const line = lines.get(key) ?? {
      key,
      sync,
      destination,
      type,
      calls: 0,
      delivered: 0,
      dead: 0,
    };
    line.calls += entry.calls;
    line.delivered += entry.delivered;
    line.dead += entry.dead_letters;
    lines.set(key, line);
  }
  return [...lines.values()].sort((a, b) => b.calls - a.calls);
}

export interface Day extends Sum {
  /** `2026-11-28`. */
  day: string;
}

/** Every day of the month, those without calls too. Days are of UTC. */
export function daysOf(month: string, entries: readonly Entry[]): Day[] {
  return Array.from({ length: daysIn(month) }, (_, index) => {
    const day = `${month}-${String(index + 1).padStart(2, "0")}`;
    return { day, ...sumOf(entries.filter((entry) => entry.day === day)) };
  });
}

export function daysIn(month: string): number {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year!, number!, 0)).getUTCDate();
}

/** The month this many months away: `-1` is the one before. */
export function monthAt(month: string, away: number): string {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year!, number! - 1 + away, 1)).toISOString().slice(0, 7);
}

/**
 * What the month comes to if the days that are left are like those since the first call; null if
 * the month is over, or less than a day tells of it.
 */
export function forecastOf(month: string, days: readonly Day[], now: Date): number | null {
  if (now.toISOString().slice(0, 7) !== month) return null;
  const first = days.findIndex(({ calls }) => calls > 0);
  if (first < 0) return null;
  const start = Date.parse(`${month}-01T00:00:00Z`) + first * DAY;
  const elapsed = (now.getTime() - start) / DAY;
  if (elapsed < 1) return null;
  const end = Date.parse(`${monthAt(month, 1)}-01T00:00:00Z`);
  const { calls } = days.reduce((sum, day) => ({ calls: sum.calls + day.calls }), { calls: 0 });
  return Math.round(calls + (calls / elapsed) * ((end - now.getTime()) / DAY));
}

const DAY = 86_400_000;

export interface Budget {
  /** `sync` guards hold the run, budgets of a destination make runs wait. */
  kind: "sync" | "destination";
  name: string;
  limit: number;
  used: number;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The limits of a month that definitions set, with what is used of each. */
export function budgetsOf(
  definitions: readonly DefinitionDocument[],
  entries: readonly Entry[],
): Budget[] {
  return definitions.flatMap(({ kind, name, value, status }): Budget[] => {
    if (!isRecord(value) || status === "draft") return [];
    if (kind !== "sync" && kind !== "destination") return [];
    const holder = kind === "sync" ? value.guards : value.budget;
    const key = kind === "sync" ? "max_calls_per_month" : "per_month";
    const limit = isRecord(holder) ? holder[key] : undefined;
    if (typeof limit !== "number") return [];
    const own = kind === "sync" ? { sync: name } : { destination: name };
    return [{ kind, name, limit, used: sumOf(fitting(entries, own)).calls }];
  });
}

/** The lines as a table for spreadsheets. */
export function csvOf(month: string, lines: readonly Line[]): string {
  const head = "month,sync,destination,type,calls,delivered,dead_letters";
  const rows = lines.map((line) =>
    [month, line.sync, line.destination, line.type, line.calls, line.delivered, line.dead].join(
      ",",
    ),
  );
  return `${[head, ...rows].join("\r\n")}\r\n`;
}
