/** A schedule as a form has it, and as a definition has it. Pure. */

export type Schedule = string | { [key: string]: unknown };
export type ScheduleKind = "every" | "cron" | "manual";

export interface ScheduleForm {
  kind: ScheduleKind;
  every: string;
  cron: string;
  timezone: string;
  /** Keys that the form does not show: they stay. */
  others: Record<string, unknown>;
}

export const presets = [
  { value: "1m", label: "Every minute" },
  { value: "5m", label: "Every 5 minutes" },
  { value: "15m", label: "Every 15 minutes" },
  { value: "30m", label: "Every 30 minutes" },
  { value: "1h", label: "Every hour" },
  { value: "6h", label: "Every 6 hours" },
  { value: "1d", label: "Every day" },
];

function words(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function formOf(schedule: Schedule | undefined, zone: string): ScheduleForm {
  const usual: ScheduleForm = {
    kind: "manual",
    every: "15m",
    cron: "0 9 * * *",
    timezone: zone,
    others: {},
  };
  if (typeof schedule !== "object" || schedule === null) return usual;
  const { every, cron, timezone, ...others } = schedule;
  if (words(cron)) {
    return {
      ...usual,
      kind: "cron",
      cron: words(cron),
      timezone: words(timezone) || "UTC",
      others,
    };
  }
  return words(every) ? { ...usual, kind: "every", every: words(every), others } : usual;
}

export function scheduleOf({ kind, every, cron, timezone, others }: ScheduleForm): Schedule {
  if (kind === "manual") return "manual";
  if (kind === "every") return { ...others, every: every.trim() };
  return {
    ...others,
    cron: cron.trim(),
    ...(timezone.trim() ? { timezone: timezone.trim() } : {}),
  };
}
