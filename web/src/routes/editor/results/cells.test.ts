import { describe, expect, it } from "vitest";
import { targetsOf } from "../../../lib/columns";
import { cellText, entriesOf, isBad, misfits, reasonsOf } from "./cells";

const rows = [
  { userid: "1", note: null },
  { userid: null, note: '""' },
  { userid: "3", note: "x" },
];
const calls = [
  { messageId: "a", userId: "1" },
  { rejected: { ordinal: 1, code: "R001", column: "userid", reason: "it needs one", row: {} } },
  { messageId: "c", userId: "3" },
];

describe("a preview", () => {
  it("tells NULL, an empty text and JSON apart", () => {
    expect(cellText(null, "text")).toBeNull();
    expect(cellText('""', "json")).toBe("");
    expect(cellText('""', "text")).toBe('""');
    expect(cellText('{"a":1}', "json")).toBe('{"a":1}');
  });

  it("puts each row beside its call, or beside why there is none", () => {
    const refused = [{ row: 2, code: "D001", reason: "too large" }];
    const of = { destination: "crm", requests: [], refused, filtered: 0 };
    const entries = entriesOf(rows, calls, [of]);
    expect(entries.map(isBad)).toEqual([false, true, true]);
    expect(entries[0]?.call).toEqual(calls[0]);
    expect(reasonsOf(entries)).toEqual([
      { text: "userid: it needs one", rows: 1 },
      { text: "crm refuses it: too large", rows: 1 },
    ]);
    expect(entriesOf(rows, null, null)[0]?.call).toBeUndefined();
  });

  it("notices that the second reading had another order", () => {
    const columns = [{ name: "userid", type: "text", declared: "TEXT" }];
    const targets = targetsOf("track", ["userid"]);
    expect(misfits(entriesOf(rows, calls, null), targets, columns)).toBe(0);
    const turned = [calls[2]!, calls[1]!, calls[0]!];
    expect(misfits(entriesOf(rows, turned, null), targets, columns)).toBe(2);
  });
});
