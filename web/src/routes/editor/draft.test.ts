import { describe, expect, it, vi } from "vitest";
import { ProblemError } from "../../api/problem";
import type { DraftRequests, Saved } from "../../api/queries/drafts";
import type { Value } from "../../api/queries/definitions";
import { applyPatch } from "../../lib/merge-patch";
import { Draft, type Backup } from "./draft";

function problem(status: number) {
  const nothing = { code: null, errors: [], requestId: null, retryAfter: null };
  return new ProblemError({ status, title: "no", detail: "no", ...nothing });
}

/** A server in memory: versions, and a refusal of those that are not the present one. */
function server(value: Value) {
  let now: Saved = { name: "users", version: 1, value, at: "", by: "ada" };
  const put = (name: string, next: Value) =>
    (now = { ...now, name, version: now.version + 1, value: next });
  const requests: DraftRequests = {
    create: vi.fn(async (name: string, next: Value) => put(name, next)),
    change: vi.fn(async (name: string, patch: Value, version: number) => {
      if (version !== now.version) throw problem(412);
      return put(name, applyPatch(now.value, patch));
    }),
    read: vi.fn(async () => now),
    rename: vi.fn(async (_: string, to: string) => put(to, now.value)),
    remove: vi.fn(async () => undefined),
  };
  return { requests, read: () => now, another: (next: Value) => put(now.name, next) };
}

function memory(): Backup & { kept: () => unknown } {
  let kept: { version: number; value: Value } | null = null;
  return { read: () => kept, write: (next) => (kept = next), kept: () => kept };
}

describe("a draft", () => {
  it("sends only what changed, one request at a time, and what was typed meanwhile next", async () => {
    const { requests, read } = server({ type: "track", query: "a" });
    const draft = new Draft({ requests, start: read() });
    draft.change({ query: "b" });
    const first = draft.flush();
    draft.change({ query: "c" });
    expect(await first).toBe(true);
    expect(requests.change).toHaveBeenNthCalledWith(1, "users", { query: "b" }, 1);
    expect(requests.change).toHaveBeenNthCalledWith(2, "users", { query: "c" }, 2);
    expect(draft.state.get()).toMatchObject({ version: 3, saving: { kind: "saved" } });
    draft.stop();
  });

  it("is made once it has a name, and renamed after that", async () => {
    const { requests } = server({});
    const draft = new Draft({ requests, start: { name: null, value: { type: "track" } } });
    draft.change({ query: "b" });
    expect(await draft.flush()).toBe(false);
    draft.name("orders");
    expect(await draft.flush()).toBe(true);
    draft.name("purchases");
    expect(await draft.flush()).toBe(true);
    expect(requests.create).toHaveBeenCalledWith("orders", { type: "track", query: "b" });
    expect(draft.state.get().name).toBe("purchases");
    draft.stop();
  });

  it("keeps both when another person was faster, and does what is chosen", async () => {
    const { requests, read, another } = server({ query: "a" });
    const draft = new Draft({ requests, start: read() });
    another({ query: "theirs", type: "page" });
    draft.change({ query: "mine" });
    expect(await draft.flush()).toBe(false);
    expect(draft.state.get()).toMatchObject({
      value: { query: "mine" },
      saving: { kind: "conflict", theirs: { value: { query: "theirs" } } },
    });
    expect(await draft.flush()).toBe(false);
    expect(read().value).toEqual({ query: "theirs", type: "page" });
    expect(await draft.resolve("mine")).toBe(true);
    expect(read().value).toEqual({ query: "mine" });
    draft.stop();
  });

  it("keeps what was typed when the session has ended, and sends it after the sign-in", async () => {
    const { requests, read } = server({ query: "a" });
    const backup = memory();
    const draft = new Draft({ requests, start: read(), backup });
    vi.mocked(requests.change).mockRejectedValueOnce(problem(401));
    draft.change({ query: "b" });
    expect(await draft.flush()).toBe(false);
    expect(draft.state.get().saving.kind).toBe("failed");
    expect(backup.kept()).toEqual({ version: 1, value: { query: "b" } });
    expect(await draft.flush()).toBe(true);
    expect(read().value).toEqual({ query: "b" });
    expect(backup.kept()).toBeNull();
    draft.stop();
  });

  it("takes up after a reload what did not arrive", async () => {
    const { requests, read, another } = server({ query: "a" });
    const backup = memory();
    backup.write({ version: 1, value: { query: "typed" } });
    const draft = new Draft({ requests, start: read(), backup });
    expect(await draft.flush()).toBe(true);
    expect(read().value).toEqual({ query: "typed" });
    backup.write({ version: 1, value: { query: "old" } });
    another({ query: "newer" });
    const late = new Draft({ requests, start: read(), backup });
    expect(late.state.get().saving.kind).toBe("conflict");
    draft.stop();
    late.stop();
  });
});
