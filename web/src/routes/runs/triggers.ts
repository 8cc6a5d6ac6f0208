/** What set a run off, in words. */
import type { RunListEntry } from "../../api/types";

export const triggers: Record<RunListEntry["trigger"], string> = {
  manual: "By hand",
  schedule: "Schedule",
  replay: "Replay",
  gap: "Fills a gap",
};

/** `Set off by its schedule`, for the line below the title. */
export const setOffBy: Record<RunListEntry["trigger"], string> = {
  manual: "Started by hand or over the API",
  schedule: "Started by its schedule",
  replay: "Started by a replay",
  gap: "Started to fill a gap",
};
