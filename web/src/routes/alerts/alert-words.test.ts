import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { alertWords, placeOf } from "./alert-words";

describe("alerts", () => {
  it("have words for each that the docs name", () => {
    const docs = readFileSync("../docs/OPERATING.md", "utf8");
    const table = docs.slice(docs.indexOf("| alert | subject | when |"));
    const rows = table.slice(0, table.indexOf("\n\n")).matchAll(/^\| `([a-z_]+)` \|/gm);
    const names = [...rows].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => alertWords(name).todo === alertWords("other").todo)).toEqual([]);
  });

  it("lead to where something can be done", () => {
    const known = {
      syncs: ["users"],
      destinations: ["hook"],
      held: [{ run: 7, sync: "users" }],
    };
    expect(placeOf("run_awaiting_approval", "users", known)).toEqual({ kind: "run", run: "7" });
    expect(placeOf("destination_degraded", "users to hook", known)).toEqual({
      kind: "destination",
      destination: "hook",
    });
    expect(placeOf("run_lost", "users to hook", known)).toEqual({ kind: "sync", sync: "users" });
    expect(placeOf("disk_low", "disk", known)).toEqual({ kind: "settings" });
  });
});
