import { expect, it } from "vitest";
import type { SyncDocument, UsageDocument } from "../../api/types";
import { pairsOf, rowsARun } from "./matrix";

const sync = (name: string, source: string) => ({ sync: name, source }) as SyncDocument;

it("has a pair for each source and destination, and says which syncs follow the source", () => {
  const pairs = pairsOf({
    sources: ["shop", "web"],
    destinations: ["hook"],
    connections: [{ source: "shop", destination: "hook", of_source: true, syncs: ["a", "b"] }],
    syncs: [sync("a", "shop.main"), sync("b", "shop.main"), sync("c", "web")],
    own: new Set(["b"]),
  });
  expect(pairs).toEqual([
    { source: "shop", destination: "hook", isOn: true, syncs: ["a", "b"], follow: ["a"] },
    { source: "web", destination: "hook", isOn: false, syncs: [], follow: ["c"] },
  ]);
});

it("adds up what a run of each sync reads", () => {
  const read = [
    { sync: "a", runs: 4, rows: 10 },
    { sync: "b", runs: 1, rows: 5 },
    { sync: "c", runs: 0, rows: 0 },
  ];
  const usage = { read } as unknown as UsageDocument;
  expect(rowsARun(["a", "b", "c"], usage)).toBe(8);
  expect(rowsARun(["c"], usage)).toBeNull();
});
