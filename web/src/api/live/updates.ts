/** Ties live events to what the page has asked for. Begun once, by the shell, after the first paint. */
import type { QueryClient } from "@tanstack/react-query";
import { onLiveEvent, startHub } from "./hub";
import { noteProgress } from "./progress";
import { POLLED, staleAfter } from "./stale";
import { liveState } from "./state";

/** Resources are asked for again at most this often, however many events come. */
const EVERY_MS = 1_000;
const POLL_MS = 5_000;

/** Collects what is stale, and has it asked for again at most once each `EVERY_MS`. */
function collector(client: QueryClient) {
  const stale = new Map<string, readonly unknown[]>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    stale.forEach((queryKey) => void client.invalidateQueries({ queryKey }));
    stale.clear();
  };
  return {
    add(found: readonly (readonly unknown[])[]) {
      found.forEach((key) => stale.set(String(key[0]), key));
      if (stale.size > 0) timer ??= setTimeout(flush, EVERY_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Calls this whenever the stream is there again after it was not. */
function onReturn(back: () => void): () => void {
  let wasAway = false;
  return liveState.subscribe(() => {
    const isLive = liveState.get() === "live";
    if (isLive && wasAway) back();
    wasAway = !isLive;
  });
}

/** Begins; what it returns ends it. `retry` loads again what is no answer of the API. */
export function startLiveUpdates(client: QueryClient, retry: () => void): () => void {
  const collected = collector(client);
  const stopListening = onLiveEvent((name, event) => {
    if (event) noteProgress(name, event);
    collected.add(staleAfter(name));
  });
  const stopReturn = onReturn(() => {
    // The stream goes on behind the last event: what failed meanwhile is all that is missing.
    void client.refetchQueries({ predicate: ({ state }) => state.status === "error" });
    retry();
  });
  const stopHub = startHub();
  const timer = setInterval(() => {
    if (liveState.get() !== "polling" || document.visibilityState !== "visible") return;
    POLLED.forEach((queryKey) => void client.invalidateQueries({ queryKey }));
  }, POLL_MS);
  return () => {
    clearInterval(timer);
    stopHub();
    stopReturn();
    stopListening();
    collected.stop();
  };
}
