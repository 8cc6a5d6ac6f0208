/** What happened to a run, as lines: from its document, and from what was heard of it. Pure. */
import type { LogLine } from "../../api/live/run-live";
import type { RunListEntry } from "../../api/types";
import { count, counted } from "../../lib/number";
import { duration } from "../../lib/time";

export interface Line {
  at: string;
  text: string;
  tone: "good" | "bad" | "warn" | "idle";
}

/** What the document of a run says about its past. */
export function documentLines(entry: RunListEntry): Line[] {
  const { state, rows, seconds, reason } = entry;
  const lines: Line[] = [{ at: entry.due_at, text: "Due", tone: "idle" }];
  if (state === "skipped") {
    const by = entry.skipped_by ? `: run ${entry.skipped_by} was still in progress` : "";
    lines.push({ at: entry.started_at, text: `Skipped${by}`, tone: "warn" });
    return lines;
  }
  lines.push({
    at: entry.started_at,
    text: entry.resumed ? "Continued after a restart" : "Began",
    tone: "idle",
  });
  const began = Date.parse(entry.started_at);
  if (seconds.extract > 0) {
    lines.push({
      at: new Date(began + seconds.extract * 1000).toISOString(),
      text: `Read ${counted(rows.read, "row")} in ${duration(seconds.extract)}: ${count(rows.calls)} calls, ${count(rows.rejected)} rejected, ${count(rows.unchanged)} unchanged`,
      tone: rows.rejected > 0 ? "warn" : "idle",
    });
  }
  if (reason) {
    const at = entry.ended_at ?? entry.started_at;
    lines.push({
      at,
      text: `${reason.code}: ${reason.message}`,
      tone: state === "failed" ? "bad" : "warn",
    });
  }
  for (const [name, one] of Object.entries(entry.destinations)) {
    if (one.state === "delivering" || !entry.ended_at) continue;
    const refused = one.dead_letters > 0 ? `, ${count(one.dead_letters)} refused for good` : "";
    lines.push({
      at: entry.ended_at,
      text: `${name}: ${counted(one.delivered, "call")} delivered${refused} with ${counted(one.requests, "request")}, ${count(one.retries)} of them repeats`,
      tone: one.dead_letters > 0 ? "warn" : "good",
    });
  }
  if (entry.ended_at) lines.push({ at: entry.ended_at, text: "Ended", tone: "idle" });
  if (entry.verified) {
    const found = entry.verified.differences.length;
    lines.push({
      at: entry.verified.at,
      text:
        found === 0
          ? "Recounted: every row is accounted for"
          : `Recounted: ${counted(found, "difference")}`,
      tone: found === 0 ? "good" : "bad",
    });
  }
  return lines;
}

/** A live event in words. */
export function eventLine({ at, event, destination, data }: LogLine): Line {
  const to = destination ?? "";
  const text = (value: unknown) => (value == null ? "" : String(value));
  switch (event) {
    case "run_started":
      return { at, text: data.resumed ? "Continued after a restart" : "Began", tone: "idle" };
    case "run_reading":
      return { at, text: "The query is sent", tone: "idle" };
    case "run_extracted": {
      const rows = data.rows as RunListEntry["rows"] | undefined;
      const read = rows
        ? `${counted(rows.read, "row")} read: ${count(rows.calls)} calls, ${count(rows.rejected)} rejected, ${count(rows.unchanged)} unchanged`
        : "All rows are read";
      return { at, text: read, tone: rows && rows.rejected > 0 ? "warn" : "idle" };
    }
    case "request_retrying":
      return {
        at,
        text: `${to}: ${text(data.code)}, the request is repeated in ${duration(Number(data.seconds))}`,
        tone: "warn",
      };
    case "run_delivered": {
      const code = data.code ? ` (${text(data.code)})` : "";
      const isGood = data.state === "succeeded";
      return { at, text: `${to}: ${text(data.state)}${code}`, tone: isGood ? "good" : "warn" };
    }
    case "run_failed":
      return {
        at,
        text: `Failed: ${(data.codes as string[] | undefined)?.join(", ") ?? ""}`,
        tone: "bad",
      };
    case "run_awaits_approval":
      return { at, text: `Held: ${text(data.code)}`, tone: "warn" };
    case "run_approved":
      return { at, text: "Approved", tone: "good" };
    case "run_ended":
      return { at, text: `Ended: ${text(data.state).replaceAll("_", " ")}`, tone: "idle" };
    default:
      return { at, text: event.replaceAll("_", " "), tone: "idle" };
  }
}
