import { describe, expect, it } from "vitest";
import { distance, missingOf, targetsOf } from "./columns";
import { toCsv } from "./csv";
import { applyPatch, isEmpty, patchOf } from "./merge-patch";
import { aliasesOf, indexOfByte, indexOfPlace, placeIn } from "./sql-text";
import { scrolledTo, seenOf, startsOf } from "./window";
import { toYaml } from "./yaml";
import { inZone, wallOf } from "./zone";

describe("merge patches", () => {
  const before = { query: "a", schedule: { every: "15m", start: "now" }, tags: ["x"] };
  it("change what differs, and remove with null", () => {
    const after = { query: "a", schedule: { cron: "0 6 * * *" }, tags: ["x", "y"], type: "track" };
    const patch = patchOf(before, after);
    expect(patch).toEqual({
      schedule: { every: null, start: null, cron: "0 6 * * *" },
      tags: ["x", "y"],
      type: "track",
    });
    expect(applyPatch(before, patch)).toEqual(after);
  });
  it("are empty for the same", () => expect(isEmpty(patchOf(before, { ...before }))).toBe(true));
});

describe("columns", () => {
  it("fill fields whatever their case, and the rest becomes properties", () => {
    expect(
      targetsOf("track", ["userid", "EVENT", "price", "context.ip"]).map(({ path }) => path),
    ).toEqual(["userId", "event", "properties.price", "context.ip"]);
  });
  it.each(["usrId", "user_id", "uesrid"])("%s was meant to be userId", (name) =>
    expect(targetsOf("track", ["event", name])[1]?.meant).toBe("userId"),
  );
  it("guess no name that is there already", () => {
    expect(targetsOf("track", ["userId", "user_id"])[1]?.meant).toBeUndefined();
  });
  it("say what is missing", () => {
    expect(missingOf("track", ["event"])).toEqual([["userId", "anonymousId"]]);
    expect(missingOf("identify", ["Email"])).toEqual([]);
  });
  it("count a swap as one step", () => expect(distance("uesr", "user")).toBe(1));
});

describe("places in a query", () => {
  const text = "SELECT 'größe😀' AS x\nFROM t;";
  it("come from bytes", () => {
    for (let index = 0; index <= text.length; index++) {
      const isWithin = /[\udc00-\udfff]/.test(text[index] ?? "");
      const bytes = new TextEncoder().encode(text.slice(0, index)).length;
      if (!isWithin) expect(indexOfByte(text, bytes)).toBe(index);
    }
  });
  it("come from lines and columns", () => {
    expect(text[indexOfPlace(text, 2, 6)]).toBe("t");
    expect(text.slice(indexOfPlace(text, 1, 17))).toMatch(/^AS x/);
    expect(placeIn("sync a: line 2, column 7 of the query")).toEqual([2, 7]);
  });
  it("name the columns of the query", () => {
    expect(aliasesOf(`SELECT a AS "user""Id", 'x AS y' AS b, CAST(c AS INT) -- AS z`)).toEqual([
      'user"Id',
      "b",
      "INT",
    ]);
  });
});

it("tells NULL and an empty text apart in CSV", () => {
  expect(toCsv(["a", 'b"'], [[null, ""]])).toBe('a,"b"""\r\n,""\r\n');
});

it("writes a project's YAML", () => {
  const value = { type: "track", query: "SELECT 1\nFROM t", schedule: { every: "15m" }, on: "no" };
  expect(toYaml({ ...value, to: ["a", { name: "b", nulls: "omit" }] })).toBe(
    'type: track\nquery: |-\n  SELECT 1\n  FROM t\nschedule:\n  every: 15m\n"on": "no"\n' +
      "to:\n  - a\n  - name: b\n    nulls: omit\n",
  );
});

describe("wall-clock times", () => {
  it.each([
    ["2026-12-01T09:00", "Europe/Berlin", "2026-12-01T09:00:00+01:00"],
    ["2026-07-01T09:00", "America/St_Johns", "2026-07-01T09:00:00-02:30"],
    ["2026-03-29T02:30", "Europe/Berlin", "2026-03-29T02:30:00+01:00"],
  ])("%s in %s", (wall, zone, at) => expect(inZone(wall, zone)).toBe(at));
  it("come back", () => {
    expect(wallOf("2026-12-01T08:00:00Z", "Europe/Berlin")).toBe("2026-12-01T09:00");
    expect(inZone("soon", "UTC")).toBeNull();
  });
});

describe("what is seen of many", () => {
  const starts = startsOf([100, 50, 200, 80]);
  it("is what overlaps the window", () => {
    expect(seenOf(starts, 0, 90, 0)).toEqual([0, 1]);
    expect(seenOf(starts, 100, 60, 0)).toEqual([1, 3]);
    expect(seenOf(starts, 9_999, 60, 1)).toEqual([3, 4]);
    expect(seenOf(startsOf([]), 0, 60, 2)).toEqual([0, 0]);
  });
  it("is scrolled to only as far as it must be", () => {
    expect(scrolledTo(50, 300, 40, 100, 150)).toBe(50);
    expect(scrolledTo(120, 300, 40, 100, 150)).toBe(100);
    expect(scrolledTo(0, 300, 40, 350, 430)).toBe(170);
  });
});
