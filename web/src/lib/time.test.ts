import { describe, expect, it } from "vitest";
import { absolute, duration, relative } from "./time";

const now = new Date("2026-11-28T06:30:00Z");
const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);

describe("times", () => {
  it.each([
    [-2, "now"],
    [-59, "59 s ago"],
    [-60, "1 min ago"],
    [-3_599, "59 min ago"],
    [-7_200, "2 h ago"],
    [-47 * 3_600, "47 h ago"],
    [-49 * 3_600, "2 d ago"],
    [90, "in 1 min"],
    [3 * 3_600, "in 3 h"],
  ])("%i s from now is %s", (seconds, text) => expect(relative(at(seconds), now)).toBe(text));

  it("says the zone of an absolute time", () => {
    expect(absolute(now, "utc")).toBe("28 Nov 2026, 06:30:00 UTC");
  });

  it.each([
    [0.0421, "42 ms"],
    [3.04, "3 s"],
    [3.44, "3.4 s"],
    [59.7, "1 min"],
    [125, "2 min 5 s"],
    [4_320, "1 h 12 min"],
    [273_600, "3 d 4 h"],
    [Number.NaN, "–"],
  ])("%d seconds last %s", (seconds, text) => expect(duration(seconds)).toBe(text));
});
