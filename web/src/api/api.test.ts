import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { after } from "./live/progress";
import { frameParser, type Frame } from "./live/sse";
import { staleAfter } from "./live/stale";
import { lineSplitter } from "./ndjson";
import { leastRole } from "./permissions";
import { entriesAt, problemOf, toProblem } from "./problem";
import type { LiveEvent } from "./types";

describe("problems", () => {
  const body = {
    title: "The definition is wrong",
    status: 422,
    detail: "cron has 6 fields",
    code: "C011",
    errors: [
      { code: "S003", field: "schedule.cron", message: "cron has 6 fields", hint: "Use 5." },
      { code: "S004", field: "scheduler", message: "unknown" },
    ],
    request_id: "r1",
  };
  it("reach the field that they are about, and no other", () => {
    const problem = problemOf(new Response(null, { status: 422 }), body);
    expect(entriesAt(problem, "schedule").map(({ code }) => code)).toEqual(["S003"]);
    expect(entriesAt(problem, "schedule.cron")[0]?.hint).toBe("Use 5.");
    expect(problem.requestId).toBe("r1");
  });
  it("are made of what is none, too", () => {
    const page = problemOf(new Response(null, { status: 502 }), "<html>");
    expect([page.status, page.code]).toEqual([502, null]);
    expect(toProblem(new TypeError("Failed to fetch")).title).toBe("The server cannot be reached");
  });
});

describe("server-sent events", () => {
  const text =
    'retry: 2000\n\nid: 5-1\nevent: run_read\ndata: {"a":1}\n\n: \n\nevent: gap\ndata: {}\n\n';
  it("come out the same however they are cut", () => {
    for (let cut = 0; cut <= text.length; cut++) {
      const frames: Frame[] = [];
      const take = frameParser((frame) => frames.push(frame));
      take(text.slice(0, cut));
      take(text.slice(cut));
      expect(frames, `cut at ${cut}`).toEqual([
        { id: "5-1", event: "run_read", data: '{"a":1}' },
        { id: null, event: "gap", data: "{}" },
      ]);
    }
  });
});

it("splits lines however they arrive", () => {
  const line = vi.fn();
  const take = lineSplitter(line);
  ['{"a"', ":1}\n{", '"b":2}\n', "\n"].forEach(take);
  expect(line.mock.calls.flat()).toEqual(['{"a":1}', '{"b":2}']);
});

describe("live events", () => {
  const event = (data: object, destination?: string): LiveEvent => ({
    event: "x",
    at: "2026-11-28T06:30:00Z",
    run: 7,
    data: data as LiveEvent["data"],
    ...(destination ? { destination } : {}),
  });
  it("are kept as progress until the run ends", () => {
    const read = after(new Map(), "run_read", event({ rows: 9, rejected: 1 }));
    expect(read.get(7)).toMatchObject({ rows: 9, rejected: 1 });
    const sent = after(read, "run_delivering", event({ delivered: 3 }, "journeys"));
    expect(sent.get(7)?.destinations.journeys?.delivered).toBe(3);
    expect(sent.get(7)?.rows).toBe(9);
    expect(after(sent, "run_ended", event({})).size).toBe(0);
  });
  it("make stale what they are about: nothing for progress, everything after a gap", () => {
    expect(staleAfter("run_read")).toEqual([]);
    expect(staleAfter("run_ended").map(([name]) => name)).toContain("runs");
    expect(staleAfter("gap").length).toBeGreaterThan(8);
  });
});

it("knows the permissions of the reference", () => {
  const page = readFileSync("../docs/reference/permissions.md", "utf8");
  const rows = [...page.matchAll(/^\| `([\w.]+)` \|.*\| (yes|–) \| (yes|–) \| yes \|$/gm)];
  const found = rows.map(([, name, viewer, member]) => [
    name,
    viewer === "yes" ? "viewer" : member === "yes" ? "member" : "admin",
  ]);
  expect(Object.fromEntries(found)).toEqual(leastRole);
});
