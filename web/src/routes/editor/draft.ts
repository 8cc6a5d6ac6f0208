/**
 * A draft that saves itself: what is typed is sent a moment later, with the version it was made
 * from. One request at a time; what is typed meanwhile goes with the next one. What is not on the
 * server yet is kept in the browser. A change of another person is never overwritten: both are kept
 * until a person chooses. Knows no React and no screen.
 */
import type { DraftRequests, Saved } from "../../api/queries/drafts";
import type { Value } from "../../api/queries/definitions";
import { toProblem } from "../../api/problem";
import { applyPatch, isEmpty, patchOf } from "../../lib/merge-patch";
import { createStore, type Store } from "../../lib/store";

export type Saving =
  | { kind: "nothing" }
  | { kind: "waiting" }
  | { kind: "saving" }
  | { kind: "saved"; at: number }
  | { kind: "failed"; error: unknown }
  | { kind: "conflict"; theirs: Saved };

export interface DraftState {
  /** Its name on the server; null: it is not there yet. */
  name: string | null;
  version: number;
  /** What the server has. */
  base: Value;
  /** What the person sees. */
  value: Value;
  saving: Saving;
}

export interface Backup {
  read(): { version: number; value: Value } | null;
  write(kept: { version: number; value: Value } | null): void;
}

interface Options {
  requests: DraftRequests;
  /** What is on the server, or what a new one begins with. */
  start: Saved | { name: null; value: Value };
  /** Under which name it is made at the first change; without it, `name()` has to come first. */
  wantedName?: string;
  backup?: Backup;
  delayMs?: number;
  retryMs?: number;
}

export class Draft {
  readonly state: Store<DraftState>;
  private readonly options: Options;
  private wanted: string | null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<boolean> | null = null;
  /** A draft beside a sync is made once there is a change. */
  private isTouched = false;

  constructor(options: Options) {
    this.options = options;
    const { start } = options;
    this.wanted = options.wantedName ?? null;
    const version = start.name === null ? 0 : start.version;
    const nothing: Saving = { kind: "nothing" };
    this.state = createStore<DraftState>({
      name: start.name,
      version,
      base: start.name === null ? {} : start.value,
      value: start.value,
      saving: nothing,
    });
    this.takeBackup(start);
  }

  /** What was typed before a reload, if it did not reach the server. */
  private takeBackup(start: Options["start"]) {
    const kept = this.options.backup?.read();
    if (!kept || isEmpty(patchOf(start.value, kept.value))) return;
    this.isTouched = true;
    this.put({ value: kept.value, saving: { kind: "waiting" } });
    if (start.name === null) return;
    if (kept.version === start.version) this.later(0);
    else this.put({ saving: { kind: "conflict", theirs: start } });
  }

  private put(change: Partial<DraftState>) {
    this.state.set({ ...this.state.get(), ...change });
  }

  get isDirty(): boolean {
    const { name, base, value } = this.state.get();
    return name === null || !isEmpty(patchOf(base, value));
  }

  /** Whether it is on the server, or is to be. */
  get isBegun(): boolean {
    return this.state.get().name !== null || this.isTouched;
  }

  /** Changes keys; undefined removes one. */
  change(keys: Value) {
    const before = this.state.get();
    const value = { ...before.value, ...keys };
    for (const [key, now] of Object.entries(keys)) if (now === undefined) delete value[key];
    if (isEmpty(patchOf(before.value, value))) return;
    const isHeld = before.saving.kind === "conflict" || before.saving.kind === "saving";
    this.isTouched = true;
    this.put({ value, ...(isHeld ? {} : { saving: { kind: "waiting" } }) });
    this.options.backup?.write({ version: before.version, value });
    if (before.saving.kind !== "conflict") this.later(this.options.delayMs ?? 700);
  }

  /** Gives it a name. One that the server has is renamed, as soon as it is not busy. */
  name(name: string) {
    this.wanted = name;
    if (name !== this.state.get().name) this.later(0);
  }

  private later(delay: number) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), delay);
  }

  /** Sends what is not there yet. True: the server has all of it. */
  async flush(): Promise<boolean> {
    clearTimeout(this.timer);
    if (this.running) {
      const done = await this.running;
      // What was typed meanwhile goes now; what failed does not go in a circle.
      return done && this.mustSend ? this.flush() : done;
    }
    if (!this.mustSend) return this.state.get().name !== null;
    if (this.state.get().saving.kind === "conflict") return false;
    this.running = this.send();
    const done = await this.running;
    this.running = null;
    return done && this.mustSend ? this.flush() : done;
  }

  private get mustSend(): boolean {
    const { name } = this.state.get();
    if (name === null) {
      return this.wanted !== null && (this.isTouched || this.options.wantedName === undefined);
    }
    return this.isDirty || (this.wanted !== null && this.wanted !== name);
  }

  private async send(): Promise<boolean> {
    const { name, version, base, value } = this.state.get();
    this.put({ saving: { kind: "saving" } });
    try {
      const wanted = this.wanted ?? name!;
      if (name === null) this.took(await this.options.requests.create(wanted, value), value);
      else if (this.isDirty) {
        const patch = patchOf(base, value);
        this.took(await this.options.requests.change(name, patch, version), value);
      } else this.took(await this.options.requests.rename(name, wanted), value);
      return true;
    } catch (thrown) {
      await this.failed(thrown);
      return false;
    }
  }

  /** The server has `sent`; the person may have typed on. */
  private took(saved: Saved, sent: Value) {
    const typedOn = patchOf(sent, this.state.get().value);
    const value = applyPatch(saved.value, typedOn);
    const saving: Saving = isEmpty(typedOn)
      ? { kind: "saved", at: Date.now() }
      : { kind: "waiting" };
    this.put({ name: saved.name, version: saved.version, base: saved.value, value, saving });
    this.options.backup?.write(isEmpty(typedOn) ? null : { version: saved.version, value });
  }

  private async failed(error: unknown) {
    const { status } = toProblem(error);
    const { name } = this.state.get();
    if (status === 412 && name !== null) {
      try {
        const theirs = await this.options.requests.read(name);
        this.put({ saving: { kind: "conflict", theirs } });
        return;
      } catch {
        // It is shown as the failure that it is.
      }
    }
    this.put({ saving: { kind: "failed", error } });
    // A server that was away comes back; a session is begun again by the person.
    if (status === 0 || status >= 500) this.later(this.options.retryMs ?? 5_000);
  }

  /** After a conflict: keeps what the person has typed, or takes what the other one has saved. */
  async resolve(choice: "mine" | "theirs"): Promise<boolean> {
    const { saving, value } = this.state.get();
    if (saving.kind !== "conflict") return true;
    const { theirs } = saving;
    const next = choice === "mine" ? value : theirs.value;
    const after: Saving =
      choice === "mine" ? { kind: "waiting" } : { kind: "saved", at: Date.now() };
    this.put({ version: theirs.version, base: theirs.value, value: next, saving: after });
    this.options.backup?.write(choice === "mine" ? { version: theirs.version, value: next } : null);
    return this.flush();
  }

  /** Another person has saved a version, and nothing was typed here since. */
  noticed(theirs: Saved) {
    const { name, version } = this.state.get();
    if (theirs.name !== name || theirs.version <= version || this.running) return;
    if (this.isDirty) this.put({ saving: { kind: "conflict", theirs } });
    else {
      const saving: Saving = { kind: "saved", at: Date.now() };
      this.put({ version: theirs.version, base: theirs.value, value: theirs.value, saving });
    }
  }

  stop() {
    clearTimeout(this.timer);
  }
}
