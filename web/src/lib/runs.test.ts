import { describe, expect, it } from "vitest";
import { afterRunEvent, nothing, rateOf, remainingSeconds } from "../api/live/run-live";
import type { LiveEvent, RunListEntry } from "../api/types";
import { patchOf } from "./merge-patch";
import { mergeRuns } from "./merge-runs";
import { storyOf, syncTime } from "./run-story";
import { csvOf } from "./table-text";
import {
  calmerInterval,
  marksOf,
  medianSeconds,
  plannedOf,
  spanOf,
  type TimelineRun,
  usualZoom,
} from "./timeline";
import { toYaml } from "./yaml";

const minute = 60_000;
const now = Date.parse("2026-11-28T08:00:00Z");
const iso = (ms: number) => new Date(ms).toISOString();

function entry(change: object): RunListEntry {
  return {
    run: 7,
    sync: "users",
    state: "succeeded",
    rows: { read: 10, calls: 8, rejected: 2, unchanged: 0 },
    destinations: {},
    ...change,
  } as unknown as RunListEntry;
}

const at = (calls: number, delivered: number, dead: number, change: object = {}) => ({
  state: "succeeded",
  calls,
  delivered,
  dead_letters: dead,
  pending: calls - delivered - dead,
  ...change,
});

describe("the story of a run", () => {
  it("counts what was delivered, refused and rejected", () => {
    const partial = entry({ state: "partial", destinations: { a: at(8, 7, 1), b: at(8, 8, 0) } });
    expect(storyOf(partial).happened).toBe(
      "15 of 16 calls were delivered, 1 was refused for good. 2 of 10 rows could not become a call.",
    );
  });
  it("says who is waited for", () => {
    const stopped = at(8, 3, 0, { state: "stopped" });
    const story = storyOf(entry({ state: "delivering", destinations: { a: stopped } }));
    expect(story.happened).toBe("3 of 8 calls are settled. 5 calls wait for a.");
    expect(story.next).toContain("go on by themselves");
  });
  it("says whether the window moved when a person decided against it", () => {
    const before = storyOf(entry({ state: "rejected", next_last_sync_time: null }));
    const moved = storyOf(entry({ state: "rejected", next_last_sync_time: 1 }));
    expect([before.next, moved.next].map((text) => text.includes("has not moved"))).toEqual([
      true,
      false,
    ]);
  });
  it("knows no news from no rows", () => {
    const rows = { read: 5, calls: 0, rejected: 0, unchanged: 5 };
    expect(storyOf(entry({ rows })).happened).toContain("all the same as before");
    expect(storyOf(entry({ rows: { ...rows, read: 0, unchanged: 0 } })).happened).toContain(
      "gave no rows",
    );
  });
});

it("reads last_sync_time in each of its forms", () => {
  expect(syncTime(1795849261)?.toISOString()).toBe("2026-11-28T07:01:01.000Z");
  expect(syncTime("2026-11-28T07:01:01Z")?.getTime()).toBe(1795849261000);
  expect([syncTime(0), syncTime(null), syncTime("abc")]).toEqual([null, null, null]);
});

describe("the timeline", () => {
  const run = (n: number, start: number, seconds: number, state = "succeeded"): TimelineRun => ({
    run: n,
    state: state as TimelineRun["state"],
    due_at: iso(start),
    started_at: iso(start),
    ended_at: iso(start + seconds * 1000),
  });
  it("draws few marks however many runs there are, and loses none", () => {
    const runs = Array.from({ length: 10_000 }, (_, n) => run(n, now - n * 4 * minute, 1));
    const marks = marksOf(runs, spanOf("30d", now), 900, now);
    expect(marks.length).toBeLessThan(180);
    expect(marks.reduce((sum, mark) => sum + mark.runs.length, 0)).toBeGreaterThan(9_000);
  });
  it("shows the worst of what shares a mark, and counts what was skipped", () => {
    const start = now - 10 * minute;
    const runs = [
      run(3, start + 2_000, 0, "skipped"),
      run(2, start + 1_000, 1, "failed"),
      run(1, start, 1),
    ];
    const [mark, ...others] = marksOf(runs, spanOf("24h", now), 900, now);
    expect([mark?.state, mark?.skipped, mark?.runs.map((one) => one.run), others]).toEqual([
      "failed",
      1,
      [3, 2, 1],
      [],
    ]);
  });
  it("puts what is planned behind now", () => {
    const span = spanOf("1h", now);
    const [first, ...rest] = plannedOf([iso(now + minute), iso(now + 90 * minute)], span, 600);
    expect(rest).toEqual([]);
    expect(first!.x).toBeGreaterThan((600 * (now - span.from)) / (span.to - span.from));
  });
  it("leaves skipped slots out of the usual duration, and proposes a calmer interval", () => {
    const runs = [run(1, now - minute, 90), run(2, now - minute, 0, "skipped")];
    expect(medianSeconds(runs, now)).toBe(90);
    expect(calmerInterval(minute, 90)).toBe("5m");
  });
});

describe("a run that is followed", () => {
  const event = (second: number, data: object, destination?: string): LiveEvent =>
    ({ event: "x", at: iso(now + second * 1000), run: 7, data, destination }) as LiveEvent;
  const counts = (delivered: number) => ({ calls: 100, delivered, pending: 100 - delivered });
  it("has a rate, the time that is left, and what slows it down", () => {
    let live = afterRunEvent(nothing, "run_delivering", event(0, counts(0), "a"));
    live = afterRunEvent(live, "request_retrying", event(1, { code: "D009", seconds: 12 }, "a"));
    expect(live.destinations.a?.throttle).toMatchObject({ code: "D009", seconds: 12 });
    live = afterRunEvent(live, "run_delivering", event(2, counts(20), "a"));
    expect(live.destinations.a?.throttle).toBeNull();
    expect(rateOf(live.samples, "settled")).toBe(10);
    expect(remainingSeconds(80, 10)).toBe(8);
    expect(live.log.map((line) => line.event)).toEqual(["request_retrying"]);
  });
});

it("writes CSV that spreadsheets take for text", () => {
  const rows = [
    { id: "1", note: 'a "b",\nc' },
    { id: "-2", formula: "=1+1" },
  ];
  expect(csvOf(rows)).toBe('id,note,formula\r\n1,"a ""b"",\nc",\r\n-2,,\'=1+1\r\n');
});

describe("the newest page of runs over older ones", () => {
  const runs = (...numbers: number[]) => numbers.map((run) => ({ run }));
  const merged = (live: number[], older: number[], isAll = false) => {
    const { rows, hasGap } = mergeRuns(runs(...live), isAll, runs(...older));
    return [rows.map(({ run }) => run), hasGap];
  };
  it("counts in its range, and has older ones behind it", () => {
    expect(merged([9, 7, 6], [8, 7, 6, 5, 4])).toEqual([[9, 7, 6, 5, 4], false]);
  });
  it("says when runs between them are missing, and when it is everything", () => {
    expect(merged([99, 98], [50, 49])).toEqual([[99, 98, 50, 49], true]);
    expect(merged([9], [9, 8], true)).toEqual([[9], false]);
  });
});

it("makes the least patch that changes one definition into another", () => {
  const before = { schedule: { every: "1m" }, tags: ["a"], guards: { max_rows: 5 } };
  const after = { schedule: { cron: "0 9 * * *" }, tags: ["a"], guards: { max_rows: 5 } };
  expect(patchOf(before, after)).toEqual({ schedule: { every: null, cron: "0 9 * * *" } });
});

it("writes YAML that reads as the same values", () => {
  const value = {
    a: "yes",
    b: "x: y",
    c: ["1", { d: 1, e: [] }],
    q: "SELECT 1\nFROM t\n",
    z: null,
  };
  expect(toYaml(value)).toBe(
    'a: "yes"\nb: "x: y"\nc:\n  - "1"\n  - d: 1\n    e: []\nq: |\n  SELECT 1\n  FROM t\nz: null\n',
  );
});

it.each([
  ["every 1m", "1h"],
  ["every 5m", "1h"],
  ["every 1h", "24h"],
  ["every 1d", "30d"],
  ["0 9 * * *", "24h"],
])("shows some runs of a sync that runs %s", (schedule, zoom) => {
  expect(usualZoom(schedule)).toBe(zoom);
});
