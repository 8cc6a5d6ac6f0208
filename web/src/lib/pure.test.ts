import { describe, expect, it, vi } from "vitest";
import { curlOf, quoted } from "./curl";
import { diffLines } from "./diff";
import { callsOf, rowsOf } from "./equation";
import { parsePreferences } from "./preferences";
import { matches } from "./search";
import { keySequence } from "./shortcuts";
import { nextSort, sorted } from "./sort";

describe("differences", () => {
  it("keeps what is the same and numbers both sides", () => {
    const lines = diffLines("a\nb\nc", "a\nx\nc");
    expect(lines.map(({ kind, text, before, after }) => [kind, text, before, after])).toEqual([
      ["same", "a", 1, 1],
      ["removed", "b", 2, undefined],
      ["added", "x", undefined, 2],
      ["same", "c", 3, 3],
    ]);
  });

  it("gives back both texts, whatever they are", () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    let state = seed;
    const random = (most: number) => (state = (state * 48_271) % 2_147_483_647) % most;
    for (let round = 0; round < 50; round++) {
      const text = () => Array.from({ length: random(12) }, () => "abc"[random(3)]).join("\n");
      const [before, after] = [text(), text()];
      const lines = diffLines(before, after);
      const side = (other: string) =>
        lines
          .filter(({ kind }) => kind !== other)
          .map((line) => line.text)
          .join("\n");
      expect(side("added"), `seed ${seed}`).toBe(before);
      expect(side("removed"), `seed ${seed}`).toBe(after);
    }
  });
});

describe("sums", () => {
  it("add up or say that they do not", () => {
    expect(rowsOf({ read: 10, calls: 6, rejected: 3, unchanged: 1 }).holds).toBe(true);
    expect(rowsOf({ read: 10, calls: 6, rejected: 3, unchanged: 0 }).holds).toBe(false);
  });

  it("leave out what is zero, but never delivered", () => {
    const counts = { calls: 5, delivered: 0, dead_letters: 2, pending: 3, filtered: 0 };
    const rest = { cancelled: 0, discarded: 0, bytes: 0, requests: 1, retries: 0 };
    const sum = callsOf({ ...counts, ...rest, state: "delivering" });
    expect(sum.terms.map(({ label }) => label)).toEqual(["delivered", "dead letters", "waiting"]);
    expect(sum.holds).toBe(true);
  });
});

describe("sorting", () => {
  const rows = [{ n: 2 }, { n: null }, { n: 10 }];
  it("puts what has no value last in both directions", () => {
    expect(sorted(rows, ({ n }) => n, false).map(({ n }) => n)).toEqual([2, 10, null]);
    expect(sorted(rows, ({ n }) => n, true).map(({ n }) => n)).toEqual([10, 2, null]);
  });
  it("goes round: ascending, descending, as it came", () => {
    expect(nextSort(undefined, "a")).toBe("a");
    expect(nextSort("a", "a")).toBe("-a");
    expect(nextSort("-a", "a")).toBeUndefined();
    expect(nextSort("-b", "a")).toBe("a");
  });
});

describe("keys", () => {
  it("take one key, or two in a row, and forget after a while", () => {
    const [help, go] = [vi.fn(), vi.fn()];
    const take = keySequence(() => ({ "?": help, "g s": go }));
    expect([take("g", 0), take("s", 500)]).toEqual([false, true]);
    expect([take("g", 1_000), take("s", 9_000)]).toEqual([false, false]);
    expect(take("?", 9_100)).toBe(true);
    expect([help.mock.calls.length, go.mock.calls.length]).toEqual([1, 1]);
  });
});

it("filters by all words", () => {
  expect(matches("shop track", "purchases", "shop.main", "track")).toBe(true);
  expect(matches("shop alias", "purchases", "shop.main", "track")).toBe(false);
});

it("survives preferences that are none", () => {
  expect(parsePreferences("{").theme).toBe("system");
  expect(parsePreferences('{"theme":"<script>","zone":"utc"}')).toEqual({
    theme: "system",
    zone: "utc",
    shortcuts: true,
  });
});

describe("lines for a shell", () => {
  it("quote what a shell would take for its own", () => {
    expect(quoted("it's $HOME")).toBe(`'it'\\''s $HOME'`);
    expect(quoted("/api/v1/runs")).toBe("/api/v1/runs");
  });
  it("have the method where curl does not know it", () => {
    const line = curlOf({ method: "POST", path: "/api/v1/x/pause" }, "http://localhost");
    expect(line).toContain("--request POST");
    expect(curlOf({ method: "POST", path: "/x", body: {} }, "http://h")).not.toContain("--request");
  });
});
