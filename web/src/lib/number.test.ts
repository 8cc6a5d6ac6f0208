import { expect, it } from "vitest";
import { bytes, compact, count, counted, percent } from "./number";

it("separates thousands", () => {
  expect(count(1_204_331)).toBe("1,204,331");
  expect(compact(9_999)).toBe("9,999");
  expect(compact(1_204_331)).toBe("1.2M");
});

it("has one row, two rows and two entries", () => {
  expect([counted(1, "row"), counted(0, "row"), counted(2, "entry")]).toEqual([
    "1 row",
    "0 rows",
    "2 entries",
  ]);
});

it("never calls something nothing, or less than all everything", () => {
  expect(percent(1, 1_000)).toBe("< 1 %");
  expect(percent(999, 1_000)).toBe("> 99 %");
  expect(percent(1_000, 1_000)).toBe("100 %");
  expect(percent(0, 0)).toBe("–");
});

it("gives sizes in powers of 1000", () => {
  expect([bytes(999), bytes(1_000), bytes(1_250_000), bytes(250_000_000)]).toEqual([
    "999 B",
    "1 kB",
    "1.3 MB",
    "250 MB",
  ]);
});
