/**
 * Live events: one stream for all tabs of a browser, as a browser has few connections per server.
 *
 * What always holds:
 * - The tab that holds a Web Lock reads the stream and passes each event on to the other tabs. When
 *   it goes, another one takes over, and goes on behind the last event that it knows.
 * - Without a visible tab the stream is closed after a minute.
 * - A gap in the events has everything asked for again. Without a stream, what changes by itself is
 *   asked for every five seconds, and the state says so.
 */
import { noteUnauthorized } from "../session";
import type { LiveEvent } from "../types";
import { readStream, type Frame } from "./sse";
import { liveState, type LiveState } from "./state";

export type Listener = (name: string, event: LiveEvent | null) => void;

const NAME = "outflow-events";
const PATH = "/api/v1/events";
const SILENCE_MS = 45_000;
const HIDDEN_MS = 60_000;
const PRESENCE_MS = 20_000;
/** After this many failures in a row the page polls. */
const PATIENCE = 2;

type Message =
  | { kind: "event"; frame: Frame }
  | { kind: "state"; state: LiveState }
  | { kind: "hello" }
  | { kind: "visible" };

const listeners = new Set<Listener>();

/** Hears every event. The name `gap` says that events are missing. */
export function onLiveEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

class Hub {
  private readonly channel = new BroadcastChannel(NAME);
  private readonly stopped = new AbortController();
  private lastId: string | null = null;
  private leads = false;
  private visibleAt = Date.now();
  private wake: (() => void) | null = null;
  private timer: ReturnType<typeof setInterval>;

  constructor() {
    this.channel.onmessage = (event: MessageEvent<Message>) => this.hear(event.data);
    document.addEventListener("visibilitychange", this.present);
    this.timer = setInterval(this.present, PRESENCE_MS);
    this.post({ kind: "hello" });
    this.present();
    const { signal } = this.stopped;
    navigator.locks
      .request(NAME, { signal }, () => this.lead(signal))
      // The only reason is that the hub was stopped while it waited.
      .catch(() => undefined);
  }

  stop() {
    this.stopped.abort();
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.present);
    this.channel.close();
  }

  /** Says that somebody looks at a tab. */
  private present = () => {
    if (document.visibilityState !== "visible") return;
    this.visibleAt = Date.now();
    this.wake?.();
    this.post({ kind: "visible" });
  };

  private post(message: Message) {
    if (!this.stopped.signal.aborted) this.channel.postMessage(message);
  }

  private hear(message: Message) {
    if (message.kind === "event") this.take(message.frame);
    else if (message.kind === "state") liveState.set(message.state);
    else if (message.kind === "visible") {
      this.visibleAt = Date.now();
      this.wake?.();
    } else if (this.leads) this.post({ kind: "state", state: liveState.get() });
  }

  private take(frame: Frame) {
    if (frame.id) this.lastId = frame.id;
    let event: LiveEvent | null = null;
    try {
      event = frame.event === "gap" ? null : (JSON.parse(frame.data) as LiveEvent);
    } catch {
      return;
    }
    listeners.forEach((listener) => listener(frame.event, event));
  }

  private become(state: LiveState) {
    liveState.set(state);
    this.post({ kind: "state", state });
  }

  private async lead(signal: AbortSignal): Promise<void> {
    this.leads = true;
    let failures = 0;
    while (!signal.aborted) {
      if (Date.now() - this.visibleAt > HIDDEN_MS) await this.untilVisible(signal);
      const status = await this.read(signal, () => (failures = 0));
      if (signal.aborted) return;
      if (status === 401) noteUnauthorized();
      failures += 1;
      if (failures >= PATIENCE) this.become("polling");
      else if (status !== 200) this.become("connecting");
      await pause(Math.min(1_000 * 2 ** (failures - 1), 15_000), signal);
    }
  }

  private async read(signal: AbortSignal, onAlive: () => void): Promise<number> {
    const hidden = new AbortController();
    const check = setInterval(() => {
      if (Date.now() - this.visibleAt > HIDDEN_MS) hidden.abort();
    }, PRESENCE_MS);
    try {
      return await readStream({
        path: PATH,
        lastId: this.lastId,
        signal: AbortSignal.any([signal, hidden.signal]),
        silenceMs: SILENCE_MS,
        onOpen: () => {
          onAlive();
          this.become("live");
        },
        onFrame: (frame) => {
          this.take(frame);
          this.post({ kind: "event", frame });
        },
      });
    } catch {
      return 0;
    } finally {
      clearInterval(check);
    }
  }

  private untilVisible(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.wake = () => {
        this.wake = null;
        resolve();
      };
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** Begins to listen. A browser without Web Locks (a page without TLS) polls. */
export function startHub(): () => void {
  if (!("locks" in navigator) || !("BroadcastChannel" in window)) {
    liveState.set("polling");
    return () => undefined;
  }
  const hub = new Hub();
  return () => hub.stop();
}
