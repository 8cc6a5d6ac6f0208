import { describe, expect, it } from "vitest";
import type { DefinitionDocument, UsageDocument } from "../../api/types";
import { budgetsOf, csvOf, daysIn, daysOf, forecastOf, linesOf, monthAt } from "./usage";

type Entry = UsageDocument["entries"][number];

const entry = (day: string, sync: string, calls: number): Entry => ({
  day: `2026-11-${day}`,
  sync,
  destination: "hook",
  type: "track",
  calls,
  delivered: calls - 1,
  dead_letters: 1,
});
const entries = [entry("10", "a", 10), entry("11", "a", 30), entry("11", "b", 20)];

describe("usage", () => {
  it("adds days up by line, and lines up by day", () => {
    expect(linesOf(entries).map(({ sync, calls, dead }) => [sync, calls, dead])).toEqual([
      ["a", 40, 2],
      ["b", 20, 1],
    ]);
    const days = daysOf("2026-11", entries);
    expect(days).toHaveLength(30);
    expect([days[8]!.calls, days[9]!.calls, days[10]!.calls]).toEqual([0, 10, 50]);
  });

  it("forecasts from the first day with calls, and only with a day to tell from", () => {
    const days = daysOf("2026-11", entries);
    // 60 calls in 2 days of 21 that the month has left since then.
    expect(forecastOf("2026-11", days, new Date("2026-11-12T00:00:00Z"))).toBe(630);
    expect(forecastOf("2026-11", days, new Date("2026-11-10T12:00:00Z"))).toBeNull();
    expect(forecastOf("2026-11", days, new Date("2026-12-01T00:00:00Z"))).toBeNull();
  });

  it("knows months", () => {
    expect([daysIn("2028-02"), monthAt("2026-01", -1), monthAt("2026-12", 1)]).toEqual([
      29,
      "2025-12",
      "2027-01",
    ]);
  });

  it("finds the budgets of syncs and destinations", () => {
    const definitions = [
      { kind: "sync", name: "a", value: { guards: { max_calls_per_month: 50 } } },
      { kind: "destination", name: "hook", value: { budget: { per_month: 100 } } },
      { kind: "destination", name: "other", value: {} },
    ] as unknown as DefinitionDocument[];
    expect(budgetsOf(definitions, entries)).toEqual([
      { kind: "sync", name: "a", limit: 50, used: 40 },
      { kind: "destination", name: "hook", limit: 100, used: 60 },
    ]);
  });

  it("writes lines as CSV", () => {
    expect(csvOf("2026-11", linesOf(entries)).split("\r\n")[1]).toBe(
      "2026-11,a,hook,track,40,38,2",
    );
  });
});
