/** The calls of a preview: each is a call, or says why its row would be rejected. Pure. */
import type { Rejection } from "../../api/types";

export type PreviewCall = Record<string, unknown> | { rejected: Rejection };

export function isRejected(call: PreviewCall): call is { rejected: Rejection } {
  return "rejected" in call && !("type" in call);
}

/** What a person knows the row by. */
export function labelOf(call: PreviewCall): string {
  if (isRejected(call)) return call.rejected.reason;
  const traits = (call.traits ?? {}) as Record<string, unknown>;
  const who = [call.userId, call.anonymousId, traits.email, call.groupId];
  const what = [call.event, call.name, call.previousId];
  return [...what, ...who]
    .filter((part) => typeof part === "string" && part !== "")
    .slice(0, 3)
    .join(" · ");
}
