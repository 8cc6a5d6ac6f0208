import { describe, expect, it } from "vitest";
import { drawn, shapeOf, ticks, windowHours, type Mark } from "./run-lanes";

const HOUR = 3_600_000;
const mark = (change: Partial<Mark>): Mark => ({
  key: "1",
  status: "succeeded",
  start: 0,
  end: HOUR,
  title: "",
  ...change,
});

describe("marks", () => {
  it("stand to scale, and what is short is still seen", () => {
    const [long, short] = drawn(
      [mark({ end: 12 * HOUR }), mark({ start: 24 * HOUR - 1, end: 24 * HOUR - 1 })],
      0,
      24 * HOUR,
      240,
      24 * HOUR,
    );
    expect([long?.x, long?.width]).toEqual([0, 120]);
    expect([short?.x, short?.width]).toEqual([236, 4]);
  });

  it("go to the present while they have no end, and are cut at the edges", () => {
    const [one] = drawn([mark({ start: -HOUR, end: null })], 0, 10 * HOUR, 100, 5 * HOUR);
    expect([one?.x, one?.width]).toEqual([0, 50]);
    expect(drawn([mark({ start: -2 * HOUR, end: -HOUR })], 0, HOUR, 100, HOUR)).toEqual([]);
  });

  it("draw what is worse above", () => {
    const all = ["failed", "succeeded", "skipped"].map((status) => mark({ status }));
    const order = drawn(all, 0, HOUR, 100, HOUR).map(({ status }) => status);
    expect(order).toEqual(["skipped", "succeeded", "failed"]);
  });

  it("have shapes of their own", () => {
    const shapes = ["succeeded", "partial", "failed", "skipped", "delivering", "planned"].map(
      shapeOf,
    );
    expect(new Set(shapes).size).toBe(6);
  });
});

it("shows no more time than there is something in", () => {
  const ago = (hours: number) => windowHours(-hours * HOUR, 0);
  expect([ago(0.6), ago(1.5), ago(30)]).toEqual([1, 3, 24]);
});

it("has as many ticks as there is room for, at round times", () => {
  const at = Date.UTC(2026, 10, 28, 6, 30);
  const found = ticks(at, at + 24 * HOUR, 800, "utc");
  expect(found.length).toBeLessThanOrEqual(9);
  expect(found.every((tick) => tick % (3 * HOUR) === 0)).toBe(true);
});
