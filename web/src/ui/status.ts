/** How each state of the API is shown: a word, an icon, a colour. No state is known by colour alone. */
import {
  Ban,
  Check,
  CircleCheck,
  CirclePause,
  CircleSlash,
  Clock,
  Hand,
  Hourglass,
  LoaderCircle,
  OctagonX,
  Pencil,
  SkipForward,
  TriangleAlert,
  Unplug,
  X,
  type LucideIcon,
} from "lucide-react";

export type Tone = "good" | "bad" | "warn" | "busy" | "wait" | "skip" | "idle";

export interface StatusLook {
  word: string;
  tone: Tone;
  icon: LucideIcon;
  /** Whether the icon turns. */
  moves?: boolean;
  /** What the word means. */
  meaning?: string;
}

export const statusLooks = {
  // Runs.
  planned: { word: "Planned", tone: "idle", icon: Clock },
  queued: { word: "Queued", tone: "wait", icon: Clock, meaning: "It waits for its turn." },
  extracting: {
    word: "Reading",
    tone: "busy",
    icon: LoaderCircle,
    moves: true,
    meaning: "The query runs, and its rows become calls.",
  },
  awaiting_approval: {
    word: "Needs approval",
    tone: "warn",
    icon: Hand,
    meaning: "It is held: nothing is sent until a person decides.",
  },
  delivering: {
    word: "Sending",
    tone: "busy",
    icon: LoaderCircle,
    moves: true,
    meaning: "All rows are read and kept; destinations take the calls.",
  },
  succeeded: { word: "Succeeded", tone: "good", icon: CircleCheck },
  succeeded_with_rejected: {
    word: "Some rows rejected",
    tone: "warn",
    icon: TriangleAlert,
    meaning: "Every call was delivered; some rows could not become a call.",
  },
  partial: {
    word: "Partial",
    tone: "warn",
    icon: TriangleAlert,
    meaning: "Some calls did not get through.",
  },
  failed: { word: "Failed", tone: "bad", icon: OctagonX },
  cancelled: { word: "Cancelled", tone: "idle", icon: Ban },
  rejected: {
    word: "Rejected by a person",
    tone: "idle",
    icon: Ban,
    meaning: "It was held, and a person decided against it.",
  },
  lost: { word: "Lost", tone: "bad", icon: CircleSlash, meaning: "What it had kept is gone." },
  skipped: {
    word: "Skipped",
    tone: "skip",
    icon: SkipForward,
    meaning: "The previous run of the sync was still in progress.",
  },
  // Deliveries.
  stopped: {
    word: "Stopped",
    tone: "bad",
    icon: Unplug,
    meaning: "The destination takes no calls; they wait.",
  },
  // Destinations.
  healthy: { word: "Healthy", tone: "good", icon: CircleCheck },
  waiting: {
    word: "Waiting for a quota",
    tone: "wait",
    icon: Hourglass,
    meaning: "The destination has set a limit; sending goes on by itself.",
  },
  failing: { word: "Failing", tone: "bad", icon: OctagonX },
  // Definitions.
  paused: { word: "Paused", tone: "idle", icon: CirclePause },
  draft: { word: "Draft", tone: "idle", icon: Pencil },
  enabled: { word: "Enabled", tone: "good", icon: CircleCheck },
  disabled: { word: "Disabled", tone: "idle", icon: CircleSlash },
  never: { word: "Not run yet", tone: "idle", icon: Clock },
  // Alerts.
  open: { word: "Open", tone: "bad", icon: TriangleAlert },
  reported: { word: "Open, reported", tone: "warn", icon: TriangleAlert },
  // Tokens and users.
  active: { word: "Active", tone: "good", icon: CircleCheck },
  expired: { word: "Expired", tone: "idle", icon: Clock },
  revoked: { word: "Revoked", tone: "idle", icon: Ban },
  // Checks of a test.
  passed: { word: "Passed", tone: "good", icon: Check },
  ok: { word: "Passed", tone: "good", icon: Check },
  warning: { word: "Warning", tone: "warn", icon: TriangleAlert },
  failed_check: { word: "Failed", tone: "bad", icon: X },
  running: { word: "Running", tone: "busy", icon: LoaderCircle, moves: true },
} as const satisfies Record<string, StatusLook>;

export type Status = keyof typeof statusLooks;

/** The look of a state; one that this page does not know yet is shown with its own word. */
export function lookOf(status: string): StatusLook {
  const known: Partial<Record<string, StatusLook>> = statusLooks;
  const word = status.replaceAll("_", " ");
  return known[status] ?? { word, tone: "idle", icon: CircleSlash };
}

/** Whether a run goes on. */
export function isGoingOn(state: string): boolean {
  return state === "queued" || state === "extracting" || state === "delivering";
}
