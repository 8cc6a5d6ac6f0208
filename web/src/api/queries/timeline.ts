/** The runs of a window of time, as far as a timeline needs them. */
import { queryOptions } from "@tanstack/react-query";
import type { TimelineRun } from "../../lib/timeline";
import { zoomMs, type Zoom } from "../../lib/zoom";
import { api, ask } from "../client";
import { keys } from "../keys";

const PAGE = 500;
/** At most this many runs, the newest. The screen says where there are more. */
const MOST = 5_000;
const FIELDS = "run,state,due_at,started_at,ended_at,skipped_by";

export interface TimelineRuns {
  runs: TimelineRun[];
  /** Whether older runs of the window are left out. */
  isCut: boolean;
}

export function timelineQuery(sync: string, zoom: Zoom) {
  return queryOptions({
    queryKey: [...keys.runs, "timeline", sync, zoom],
    queryFn: async ({ signal }): Promise<TimelineRuns> => {
      const since = new Date(Date.now() - zoomMs[zoom]).toISOString();
      const runs: TimelineRun[] = [];
      let cursor: string | null | undefined;
      do {
        const query = { sync, since, limit: PAGE, fields: FIELDS, ...(cursor ? { cursor } : {}) };
        const page = await ask(api.GET("/api/v1/runs", { params: { query }, signal }));
        runs.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor && runs.length < MOST);
      // A run that began before the window and goes on is in it.
      const going = await ask(
        api.GET("/api/v1/runs", {
          params: {
            query: {
              sync,
              state: "queued,extracting,awaiting_approval,delivering",
              limit: 20,
              fields: FIELDS,
            },
          },
          signal,
        }),
      );
      const known = new Set(runs.map(({ run }) => run));
      runs.push(...going.items.filter(({ run }) => !known.has(run)));
      return { runs, isCut: Boolean(cursor) };
    },
    // A month of runs is not asked for with each event.
    staleTime: zoom === "1h" ? 0 : 60_000,
  });
}
