/** The words of the audit log. */

const DAY = 86_400_000;

/** As the route reads it: `routes.ts` is loaded at once, and does without this file. */
export type Span = "day" | "week" | "month";

export const spans: readonly { value: Span | undefined; name: string }[] = [
  { value: undefined, name: "All" },
  { value: "day", name: "24 hours" },
  { value: "week", name: "7 days" },
  { value: "month", name: "30 days" },
];

/** Where a span that ends now begins. */
export function sinceOf(span: Span | undefined, now: number): string | undefined {
  if (!span) return undefined;
  const days = { day: 1, week: 7, month: 30 }[span];
  return new Date(now - days * DAY).toISOString();
}

/** What the kinds of actions begin with. */
export const areas: readonly { value: string | undefined; label: string }[] = [
  { value: undefined, label: "Everything" },
  { value: "sync.", label: "Syncs" },
  { value: "source.", label: "Sources" },
  { value: "destination.", label: "Destinations" },
  { value: "setting.", label: "Settings" },
  { value: "run.", label: "Runs" },
  { value: "secret.", label: "Secrets" },
  { value: "user.", label: "Members" },
  { value: "token.", label: "Tokens" },
  { value: "session.", label: "Sessions" },
];

/** `sync.update` is `Sync: update`. */
export function actionWords(action: string): string {
  const [kind = "", ...rest] = action.split(".");
  const words = rest.join(" ").replaceAll("_", " ");
  const first = kind.charAt(0).toUpperCase() + kind.slice(1).replaceAll("_", " ");
  return words ? `${first}: ${words}` : first;
}

/** The look of a result: `begun`, `done`, `refused` or `failed`. */
export function resultLooks(result: string): { status: string; word: string } {
  const status = { done: "succeeded", begun: "running", failed: "failed", refused: "stopped" };
  return {
    status: (status as Partial<Record<string, string>>)[result] ?? "never",
    word: result.charAt(0).toUpperCase() + result.slice(1),
  };
}

/** A value as lines that can be compared; keys that hold long texts keep their lines. */
export function linesOf(value: unknown): string {
  return value == null ? "" : JSON.stringify(value, null, 2).replaceAll("\\n", "\n    ");
}
