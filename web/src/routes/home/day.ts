/** The runs of the last day: for the timeline and the tiles of home. */
import { queryOptions } from "@tanstack/react-query";
import { api, ask } from "../../api/client";
import type { RunListEntry } from "../../api/types";

const DAY_MS = 24 * 3_600_000;
const PAGE = 500;
/** More pages than this are not asked for; the screen then says since when it counts. */
const MOST_PAGES = 4;
/** Often enough for a day, and not once for each event. */
const EVERY_MS = 30_000;

export type DayRun = Pick<
  RunListEntry,
  "run" | "sync" | "state" | "started_at" | "ended_at" | "due_at"
>;

export interface Day {
  runs: DayRun[];
  /** Since when all runs are known, in milliseconds since 1970. */
  from: number;
  to: number;
  isWhole: boolean;
}

export const dayQuery = queryOptions({
  queryKey: ["home", "day"],
  queryFn: readDay,
  staleTime: EVERY_MS,
  refetchInterval: EVERY_MS,
});

async function readDay(): Promise<Day> {
  const to = Date.now();
  const since = new Date(to - DAY_MS).toISOString();
  const runs: DayRun[] = [];
  let cursor: string | null | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = {
      since,
      limit: PAGE,
      fields: "run,sync,state,started_at,ended_at,due_at",
      ...(cursor ? { cursor } : {}),
    };
    const answer = await ask(api.GET("/api/v1/runs", { params: { query } }));
    runs.push(...answer.items);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  const isWhole = !cursor;
  const oldest = runs.at(-1)?.started_at;
  const from = isWhole || !oldest ? to - DAY_MS : Date.parse(oldest);
  return { runs, from, to, isWhole };
}
