/** The stages of a run, each with its time and how much it did: waited, read, held, sent. */
import { Check, Circle, CircleDot, Minus, X } from "lucide-react";
import type { RunLive } from "../../api/live/run-live";
import type { RunListEntry } from "../../api/types";
import { classes } from "../../lib/classes";
import { count, counted } from "../../lib/number";
import { totalsOf } from "../../lib/run-story";
import { duration, secondsBetween } from "../../lib/time";
import css from "./runs.module.css";

type Mark = "done" | "now" | "ahead" | "failed" | "none";

interface Stage {
  name: string;
  mark: Mark;
  took: string;
  did: string;
}

function rate(amount: number, seconds: number, noun: string): string {
  return seconds >= 0.001 && amount > 0 ? `, ${count(Math.round(amount / seconds))} ${noun}/s` : "";
}

export function stagesOf(entry: RunListEntry, live: RunLive): Stage[] {
  const { state, rows, seconds } = entry;
  const waited = secondsBetween(entry.due_at, entry.started_at) ?? 0;
  const isReading = state === "queued" || state === "extracting";
  const isOver = state === "failed" || state === "cancelled";
  const { calls, pending } = totalsOf(entry);
  const read = isReading ? live.rows : rows.read;
  const stages: Stage[] = [
    {
      name: "Wait",
      mark: state === "queued" ? "now" : "done",
      took: duration(Math.max(0, waited)),
      did: "from when it was due",
    },
    {
      name: "Read and map",
      mark: isReading ? "now" : isOver ? "failed" : "done",
      took: isReading ? "" : duration(seconds.extract),
      did: isOver ? "ended here" : `${counted(read, "row")}${rate(read, seconds.extract, "rows")}`,
    },
  ];
  if (state === "awaiting_approval" || state === "rejected") {
    const isHeld = state === "awaiting_approval";
    stages.push({
      name: "Approval",
      mark: isHeld ? "now" : "failed",
      took: "",
      did: isHeld ? "waits for a person" : "a person decided against it",
    });
  }
  const sent = calls - pending;
  const isSending = state === "delivering";
  const never = isOver || state === "rejected";
  stages.push({
    name: "Send",
    mark: isSending
      ? "now"
      : never
        ? "none"
        : isReading || state === "awaiting_approval"
          ? "ahead"
          : "done",
    took: isSending || never ? "" : seconds.deliver > 0 ? duration(seconds.deliver) : "",
    did: never
      ? "nothing was sent"
      : calls === 0 && !isReading
        ? "no calls to send"
        : isReading
          ? ""
          : isSending
            ? `${count(sent)} of ${counted(calls, "call")} settled`
            : state === "awaiting_approval"
              ? `${counted(calls, "call")} kept`
              : `${counted(sent, "call")}${rate(sent, seconds.deliver, "calls")}`,
  });
  return stages;
}

const icons = { done: Check, now: CircleDot, ahead: Circle, failed: X, none: Minus };
const words = { done: "done", now: "now", ahead: "not yet", failed: "ended", none: "not reached" };

export function Stages({ entry, live }: { entry: RunListEntry; live: RunLive }) {
  return (
    <ol className={css.stages} aria-label="Stages">
      {stagesOf(entry, live).map((stage) => {
        const Icon = icons[stage.mark];
        return (
          <li key={stage.name} className={classes(css.stage, css[stage.mark])}>
            <span className={css.stageName}>
              <Icon size={14} strokeWidth={2.25} aria-hidden />
              {stage.name}
              <span className="sr-only">, {words[stage.mark]}</span>
            </span>
            <span className={css.stageTook}>{stage.took}</span>
            <span className={css.stageDid}>{stage.did}</span>
          </li>
        );
      })}
    </ol>
  );
}
