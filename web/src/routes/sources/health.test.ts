import { describe, expect, it } from "vitest";
import type { StatusDocument, SyncDocument } from "../../api/types";
import { healthOf } from "./health";

const syncs = ["a", "b"].map((sync) => ({ sync, source: "w.main" })) as SyncDocument[];

function status(...last: [state: string, minute: number, code?: string][]): StatusDocument {
  const entries = last.map(([state, minute, code], index) => ({
    sync: syncs[index]!.sync,
    last: {
      run: index + 1,
      state,
      started_at: `2026-11-28T07:${String(minute).padStart(2, "0")}:00Z`,
      ...(code ? { reason: { code, message: "no" } } : {}),
    },
  }));
  return { syncs: entries } as unknown as StatusDocument;
}

describe("the health of a source", () => {
  it("is known from the last runs, whatever became of their calls", () => {
    expect(healthOf(syncs, status(["succeeded", 1], ["failed", 2, "D016"]))).toMatchObject({
      state: "healthy",
      contact: { sync: "b" },
      error: null,
      failing: 1,
    });
  });

  it("is bad while no later run could read it", () => {
    const bad = healthOf(syncs, status(["succeeded", 1], ["failed", 2, "S002"]));
    expect(bad).toMatchObject({ state: "failing", error: { sync: "b", run: 2 } });
    const again = healthOf(syncs, status(["succeeded", 3], ["failed", 2, "S002"]));
    expect(again).toMatchObject({ state: "healthy", error: null, failing: 1 });
  });

  it("is not known before a run", () => {
    expect(healthOf(syncs, undefined).state).toBe("never");
    const paused = syncs.map((one) => ({ ...one, paused_since: "2026-11-28T07:00:00Z" }));
    expect(healthOf(paused, undefined).state).toBe("paused");
  });
});
