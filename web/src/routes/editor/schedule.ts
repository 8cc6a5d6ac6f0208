/** The schedule of a definition as a person chooses it, and back. */
import type { Value } from "../../api/queries/definitions";

export const presets = [
  { value: "1m", label: "Every minute", perDay: 1_440 },
  { value: "5m", label: "Every 5 minutes", perDay: 288 },
  { value: "15m", label: "Every 15 minutes", perDay: 96 },
  { value: "1h", label: "Every hour", perDay: 24 },
  { value: "1d", label: "Every day", perDay: 1 },
] as const;

export type Choice = (typeof presets)[number]["value"] | "interval" | "cron" | "manual";

export interface Chosen {
  choice: Choice;
  every: string;
  cron: string;
  timezone: string;
  /** A time of the API; null: immediately. */
  start: string | null;
}

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function chosenOf(schedule: unknown, zone: string): Chosen {
  const usual: Chosen = {
    choice: "manual",
    every: "15m",
    cron: "0 9 * * MON-FRI",
    timezone: zone,
    start: null,
  };
  if (typeof schedule !== "object" || schedule === null) return usual;
  const { every, cron, timezone, start } = schedule as Value;
  if (typeof cron === "string")
    return { ...usual, choice: "cron", cron, timezone: text(timezone) || "UTC" };
  if (typeof every !== "string") return usual;
  const choice = presets.find(({ value }) => value === every)?.value ?? "interval";
  const isLater = typeof start === "string" && start !== "now";
  return { ...usual, choice, every, start: isLater ? start : null };
}

export function scheduleOf({ choice, every, cron, timezone, start }: Chosen): Value | "manual" {
  if (choice === "manual") return "manual";
  if (choice === "cron") return { cron: cron.trim(), timezone: timezone.trim() };
  const interval = choice === "interval" ? every.trim() : choice;
  return start ? { every: interval, start } : { every: interval };
}

/** How often a schedule with an interval runs in a day; null: that is not known. */
export function runsPerDay(schedule: unknown): number | null {
  if (typeof schedule !== "object" || schedule === null) return null;
  const parts = [...text((schedule as Value).every).matchAll(/(\d+)([smhd])/g)];
  const seconds = parts.reduce(
    (sum, [, number, unit]) => sum + Number(number) * SECONDS[unit as keyof typeof SECONDS],
    0,
  );
  return seconds > 0 ? 86_400 / seconds : null;
}

/** `Every 15 minutes: 96 runs a day.` */
export function intervalInWords(every: string): string | null {
  const words = { s: "second", m: "minute", h: "hour", d: "day" };
  const [, number, unit] = /^(\d+)([smhd])$/.exec(every.trim()) ?? [];
  if (!number || !unit) return null;
  const word = words[unit as keyof typeof words];
  const interval = number === "1" ? `Every ${word}` : `Every ${number} ${word}s`;
  const perDay = runsPerDay({ every })!;
  if (perDay < 1) return `${interval}.`;
  return `${interval}: ${Math.round(perDay).toLocaleString("en")} ${perDay < 1.5 ? "run" : "runs"} a day.`;
}
