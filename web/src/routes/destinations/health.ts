/** How each destination is: its health, what waits for it, and why. */
import type { DestinationDocument, StatusDocument, WaitingCalls } from "../../api/types";

export interface DestinationRow {
  destination: DestinationDocument;
  /** A word of `status.ts`. */
  health: string;
  /** Since when it is so. */
  since: string | null;
  /** The code of what is wrong. */
  code: string | null;
  waiting: WaitingCalls[];
  calls: number;
}

export function rowOf(
  destination: DestinationDocument,
  status: StatusDocument | undefined,
): DestinationRow {
  const name = destination.destination;
  const known = status?.serving?.destinations.find((one) => one.destination === name);
  const waiting = (status?.waiting ?? []).filter((one) => one.destination === name);
  const stopped = known?.health === "paused" && destination.paused_since == null;
  return {
    destination,
    health: destination.paused_since
      ? "paused"
      : stopped
        ? "stopped"
        : (known?.health ?? "unknown"),
    since: destination.paused_since ?? known?.since ?? null,
    code: known?.code ?? null,
    waiting,
    calls: waiting.reduce((sum, { calls }) => sum + calls, 0),
  };
}

/** What the state means, and what to do. */
export function healthWords({ health, code }: DestinationRow): string {
  switch (health) {
    case "healthy":
      return "It takes calls.";
    case "paused":
      return "A person has paused it. Calls wait, and are sent when it is resumed.";
    case "waiting":
      return "It has set a limit, or its quota is used up. Sending goes on by itself.";
    case "failing":
      return "It does not take calls now. Outflow tries again by itself, less often each time.";
    case "stopped":
      return code
        ? "It refuses the key, or its address is wrong. Nothing is sent until that is fixed: test it, and correct its settings."
        : "It takes no calls until that is fixed.";
    default:
      return "No process serves it now.";
  }
}
