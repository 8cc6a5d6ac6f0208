/**
 * What needs a person, the worst first, each with the one thing to do about it. Pure: it is made of
 * the status alone. Trouble that has the same cause is one item.
 */
import type { AlertDocument, StatusDocument } from "../../api/types";
import { counted } from "../../lib/number";

/** Where the one action goes; the screen makes a link of it. */
export type Action =
  | { to: "run" | "rows" | "letters"; run: number; label: string }
  | { to: "sync" | "schedule"; sync: string; label: string }
  | { to: "runs"; sync: string; state?: string; label: string }
  | { to: "destination"; destination: string; label: string }
  | { to: "alerts" | "settings"; label: string };

export interface Need {
  key: string;
  /** A state of `ui/status.ts`. */
  status: string;
  title: string;
  text: string;
  since: string | null;
  action: Action;
}

const URGENCY = ["failed", "stopped", "lost", "awaiting_approval", "partial"];

function urgency({ status }: Need): number {
  const at = URGENCY.indexOf(status);
  return at < 0 ? URGENCY.length : at;
}

export function needsOf(status: StatusDocument): Need[] {
  const held = heldRuns(status);
  const found = [
    ...held,
    ...status.syncs.flatMap((sync) => ofSync(sync, status.alerts)),
    ...stopped(status),
    ...gaps(status),
    ...tasks(status),
    ...notLoaded(status),
    ...status.alerts.filter((alert) => !isCovered(alert, status)).map(ofAlert),
  ];
  return found.sort((a, b) => urgency(a) - urgency(b));
}

/** Alerts whose cause has an item of its own. */
function isCovered(alert: AlertDocument, status: StatusDocument): boolean {
  const isHeld = (status.held ?? []).some(({ sync }) => sync === alert.subject);
  const last = status.syncs.find(({ sync }) => sync === alert.subject)?.last?.state;
  switch (alert.alert) {
    case "run_awaiting_approval":
      return isHeld;
    // Slots are skipped because the run before waits for a decision.
    case "slots_skipped":
      return isHeld;
    case "sync_failing":
      return last === "failed" || last === "lost";
    case "rows_rejected":
      return last === "succeeded_with_rejected";
    case "task_failed":
      return (status.serving?.tasks ?? []).some(({ task }) => task === alert.subject);
    default:
      return false;
  }
}

function heldRuns(status: StatusDocument): Need[] {
  return (status.held ?? []).map(({ run, sync, calls, reason }) => {
    const skips = status.alerts.find(
      ({ alert, subject }) => alert === "slots_skipped" && subject === sync,
    );
    const why = reason ? `${sentence(reason.message)} ` : "";
    const since = status.syncs.find((one) => one.last?.run === run)?.last?.started_at ?? null;
    return {
      key: `held ${run}`,
      status: "awaiting_approval",
      title: `Run ${run} of ${sync} waits for a decision`,
      text: `${why}${counted(calls, "call")} wait.${skips ? ` ${sentence(skips.message)}` : ""}`,
      since,
      action: { to: "run", run, label: "Decide" },
    };
  });
}

function ofSync(sync: StatusDocument["syncs"][number], alerts: readonly AlertDocument[]): Need[] {
  const last = sync.last;
  if (!last || sync.paused_since) return [];
  const why = sentence(last.reason?.message ?? "");
  const base = { key: `last ${sync.sync}`, status: last.state, since: last.ended_at ?? null };
  const alert = alerts.find(
    ({ subject, code }) => subject === sync.sync && code === last.reason?.code,
  );
  switch (last.state) {
    case "failed":
    case "lost":
      return [
        {
          ...base,
          title: `${sync.sync} fails`,
          text: why || sentence(alert?.message ?? "The last run failed."),
          action: { to: "run", run: last.run, label: "See why" },
        },
      ];
    case "partial":
      return [
        {
          ...base,
          title: `A destination refused calls of ${sync.sync}`,
          text: why || "They are kept as dead letters, and can be sent again.",
          action: { to: "letters", run: last.run, label: "See dead letters" },
        },
      ];
    case "succeeded_with_rejected":
      return [
        {
          ...base,
          title: `Rows of ${sync.sync} could not become calls`,
          text: why || "All other rows were delivered.",
          action: { to: "rows", run: last.run, label: "See rows" },
        },
      ];
    default:
      return [];
  }
}

function stopped(status: StatusDocument): Need[] {
  return status.waiting
    .filter((waiting) => waiting.stopped)
    .map(({ sync, destination, calls, reason }) => ({
      key: `stopped ${sync} ${destination}`,
      status: "stopped",
      title: `${destination} takes no calls of ${sync}`,
      text: `${sentence(reason?.message ?? "")} ${counted(calls, "call")} wait.`.trim(),
      since: null,
      action: { to: "destination", destination, label: "Look at it" },
    }));
}

function gaps(status: StatusDocument): Need[] {
  const lost = new Map<string, number>();
  const add = (destination: string, calls: number) =>
    lost.set(destination, (lost.get(destination) ?? 0) + calls);
  (status.left_out ?? []).forEach(({ destination, calls }) => add(destination, calls));
  (status.missing ?? []).forEach(({ destination, calls }) => add(destination, calls));
  (status.unsent ?? []).forEach(({ destination }) => add(destination, 0));
  return [...lost].map(([destination, calls]) => ({
    key: `gap ${destination}`,
    status: "partial",
    title: `${destination} has a gap`,
    text: `${calls > 0 ? counted(calls, "call") : "Calls of some runs"} did not get there, and no run sends them.`,
    since: null,
    action: { to: "destination", destination, label: "Fill the gap" },
  }));
}

function tasks(status: StatusDocument): Need[] {
  return (status.serving?.tasks ?? [])
    .filter(({ down }) => down)
    .map(({ task, code, failures, last }) => ({
      key: `task ${task}`,
      status: "failed",
      title: `The ${task} is down`,
      text: `It failed ${counted(failures, "time")} (${code}) and stays down until the project is loaded again.`,
      since: last,
      action: { to: "settings", label: "Open Settings" },
    }));
}

function notLoaded(status: StatusDocument): Need[] {
  return (status.not_loaded ?? []).map(({ sync, change }) => ({
    key: `not loaded ${sync}`,
    status: "queued",
    title: `${sync} was ${change}, and that is not in force yet`,
    text: "The process that serves still works with the project as it was.",
    since: null,
    action: { to: "settings", label: "Open Settings" },
  }));
}

function ofAlert(alert: AlertDocument): Need {
  return {
    key: `alert ${alert.alert} ${alert.subject}`,
    status: alert.reported ? "reported" : "open",
    title: alert.subject,
    text: sentence(alert.message),
    since: alert.since,
    action: actionOf(alert),
  };
}

function actionOf({ alert, subject }: AlertDocument): Action {
  switch (alert) {
    case "slots_skipped":
      return { to: "schedule", sync: subject, label: "Change the schedule" };
    case "sync_failing":
      return { to: "runs", sync: subject, state: "failed", label: "See runs" };
    case "rows_rejected":
    case "no_success":
    case "run_lost":
    case "audit_failed":
      return { to: "runs", sync: subject, label: "See runs" };
    case "destination_paused":
    case "destination_removed":
      return { to: "destination", destination: subject, label: "Look at it" };
    case "backlog_full":
    case "state_restored":
      return { to: "sync", sync: subject, label: "Look at it" };
    default:
      return { to: "alerts", label: "See alerts" };
  }
}

/** A message of the API as a sentence: it begins small and has no stop at its end. */
export function sentence(message: string): string {
  if (message === "") return "";
  const end = /[.!?]$/.test(message) ? "" : ".";
  return `${message[0]!.toUpperCase()}${message.slice(1)}${end}`;
}
