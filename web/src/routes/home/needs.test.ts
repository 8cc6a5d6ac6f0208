import { expect, it } from "vitest";
import type { StatusDocument } from "../../api/types";
import { needsOf } from "./needs";

const status = (change: Partial<StatusDocument>): StatusDocument => ({
  format_version: 3,
  syncs: [],
  waiting: [],
  alerts: [],
  left_over: [],
  ...change,
});

const sync = (name: string, state: string, run = 7): StatusDocument["syncs"][number] => ({
  sync: name,
  enabled: true,
  undelivered: 0,
  last: { run, state: state as never, started_at: "2026-11-28T06:30:00Z" },
});

const alert = (kind: string, subject: string): StatusDocument["alerts"][number] => ({
  format_version: 3,
  alert: kind,
  subject,
  message: `${kind} of ${subject}`,
  since: "2026-11-28T06:30:00Z",
  reported: false,
});

it("needs nothing of a person while all is well", () => {
  expect(needsOf(status({ syncs: [sync("users", "succeeded")] }))).toEqual([]);
});

it("makes one item of a held run and the slots that it skips", () => {
  const found = needsOf(
    status({
      syncs: [sync("companies", "awaiting_approval", 1)],
      held: [{ run: 1, sync: "companies", calls: 22 }],
      alerts: [alert("run_awaiting_approval", "companies"), alert("slots_skipped", "companies")],
    }),
  );
  expect(found).toHaveLength(1);
  expect(found[0]?.text).toBe("22 calls wait. Slots_skipped of companies.");
  expect(found[0]?.action).toEqual({ to: "run", run: 1, label: "Decide" });
});

it("puts what fails before what is held before rejected rows", () => {
  const found = needsOf(
    status({
      syncs: [
        sync("rows", "succeeded_with_rejected", 3),
        sync("companies", "awaiting_approval", 1),
        sync("users", "failed", 2),
      ],
      held: [{ run: 1, sync: "companies", calls: 22 }],
      alerts: [alert("sync_failing", "users"), alert("disk_low", "disk")],
    }),
  );
  expect(found.map(({ key }) => key)).toEqual([
    "last users",
    "held 1",
    "last rows",
    "alert disk_low disk",
  ]);
});

it("says once what a destination has not got", () => {
  const gap = { destination: "journeys", run: 1, sync: "users", since: "2026-11-28T06:30:00Z" };
  const found = needsOf(
    status({
      missing: [
        { ...gap, calls: 3, cause: "lost", last_sync_time: null },
        { ...gap, calls: 2, cause: "lost", last_sync_time: null },
      ],
    }),
  );
  expect(found).toHaveLength(1);
  expect(found[0]?.text).toContain("5 calls");
});

it("leaves a sync alone that a person has paused", () => {
  const paused = { ...sync("users", "failed"), paused_since: "2026-11-28T06:30:00Z" };
  expect(needsOf(status({ syncs: [paused] }))).toEqual([]);
});
