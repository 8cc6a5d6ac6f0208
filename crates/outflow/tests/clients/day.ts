// The day of docs/API.md by a client whose types a stock generator made of openapi.json.
//
// The folder has `source.json` and `destination.json`; URL and TOKEN are in the environment. Ends
// with 0 if everything was as it has to be.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { paths } from "./openapi.js";

const { URL: baseUrl = "", TOKEN: token = "" } = process.env;
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

/** What was answered; a problem ends the script. */
async function good<T>(asked: Promise<{ data?: T; error?: unknown }>): Promise<T> {
  const { data, error } = await asked;
  assert(error === undefined && data !== undefined, JSON.stringify(error));
  return data;
}

async function lastStep(asked: Promise<{ data?: unknown; error?: unknown }>): Promise<boolean> {
  const lines = String(await good(asked)).trim().split("\n");
  return JSON.parse(lines.at(-1) ?? "").result.ok;
}

/** The last document of the run's events. */
async function untilTheEndOf(run: number) {
  const params = { path: { run } };
  const events = await good(api.GET("/api/v1/runs/{run}/events", { params, parseAs: "text" }));
  const lines = String(events).split("\n").filter((line) => line.startsWith("data: "));
  return JSON.parse((lines.at(-1) ?? "").slice("data: ".length));
}

const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));
const sync = { path: { sync: "users" } };
const source = { path: { source: "warehouse" } };
const destination = { path: { destination: "journeys" } };

assert.equal((await good(api.POST("/api/v1/sources", { body: read("source.json") }))).version, 1);
const testOfSource = api.POST("/api/v1/sources/{source}/test", { params: source, parseAs: "text" });
assert(await lastStep(testOfSource));
const catalogue = await good(
  api.GET("/api/v1/sources/{source}/catalogue", { params: { ...source, query: { table: "users" } } }),
);
assert((catalogue.schemas[0]?.tables[0]?.columns.length ?? 0) > 2);
const made = await good(api.POST("/api/v1/destinations", { body: read("destination.json") }));
assert.equal(made.status, "enabled");
const testOfDestination = api.POST("/api/v1/destinations/{destination}/test", {
  params: destination,
  parseAs: "text",
});
assert(await lastStep(testOfDestination));
await good(
  api.PUT("/api/v1/connections/{source}/{destination}", {
    params: { path: { source: "warehouse", destination: "journeys" } },
    body: {},
  }),
);

const value = {
  source: "warehouse",
  type: "identify",
  schedule: { cron: "0 25 * * *", timezone: "Europe/Berlin" },
  query:
    "SELECT id AS userId, email_address AS email, fname\nFROM users\nWHERE last_updated >= {{last_sync_time}}",
};
const draft = await good(
  api.POST("/api/v1/syncs", { body: { name: "users", status: "draft", value } }),
);
assert.equal(draft.version, 1);
const found = await good(api.GET("/api/v1/syncs/{sync}/problems", { params: sync }));
assert(!found.ok && found.problems[0]?.field === "schedule.cron");
const cron = { schedule: { cron: "0 6 * * *" } };
const changed = await good(
  api.PATCH("/api/v1/syncs/{sync}", {
    params: { ...sync, header: { "If-Match": '"1"' } },
    body: cron,
  }),
);
assert.equal(changed.version, 2);
assert((await good(api.GET("/api/v1/syncs/{sync}/problems", { params: sync }))).ok);
const slots = await good(api.POST("/api/v1/schedule/preview", { body: cron }));
assert.equal(slots.next_slots.length, 5);
const preview = (body: { calls?: boolean; requests?: boolean }) =>
  good(api.POST("/api/v1/syncs/{sync}/preview", { params: sync, body }));
assert(((await preview({ calls: true })).calls?.length ?? 0) > 0);
const shown = (await preview({ requests: true })).destinations?.[0]?.requests[0];
assert.equal(shown?.method, "POST");
const enabled = await good(api.POST("/api/v1/syncs/{sync}/enable", { params: sync }));
assert.equal(enabled.status, "enabled");

const header = { "Idempotency-Key": "day-1" };
const started = await good(
  api.POST("/api/v1/syncs/{sync}/runs", { params: { ...sync, header }, body: {} }),
);
const run = started.run ?? assert.fail("it runs");
const document = await untilTheEndOf(run);
assert.equal(document.state, "succeeded_with_rejected");
assert.equal(document.rows.read, document.rows.calls + document.rows.rejected);
const bad = await good(api.GET("/api/v1/runs/{run}/rejected", { params: { path: { run } } }));
assert(bad.items[0]?.code === "R001" && bad.next_cursor === null);

writeFileSync("wanted", "fix\n");
readFileSync("fixed");
const replayed = await good(
  api.POST("/api/v1/runs/{run}/replay", { params: { path: { run } }, body: { mode: "rejected" } }),
);
assert.equal(replayed.runs.length, 1);
let newest = run;
while (newest === run) {
  await new Promise((resolve) => setTimeout(resolve, 200));
  const page = await good(api.GET("/api/v1/runs", { params: { query: { limit: 1 } } }));
  newest = page.items[0]?.run ?? run;
}
assert.equal((await untilTheEndOf(newest)).state, "succeeded");

const paused = await good(
  api.POST("/api/v1/destinations/{destination}/pause", { params: destination }),
);
assert(paused.entries[0]?.changed);
const list = await good(api.GET("/api/v1/destinations"));
assert(list.items[0]?.paused_since);
const resumed = await good(
  api.POST("/api/v1/destinations/{destination}/resume", { params: destination }),
);
assert(resumed.entries[0]?.changed);
assert.equal((await good(api.GET("/api/v1/usage"))).calls, 3);
