/** The present, for relative times: one timer for all that show one. */
import { useSyncExternalStore } from "react";

const EVERY_MS = 5_000;

let present = new Date();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function tick() {
  present = new Date();
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    present = new Date();
    timer = setInterval(tick, EVERY_MS);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) clearInterval(timer);
  };
}

export function useNow(): Date {
  return useSyncExternalStore(
    subscribe,
    () => present,
    () => present,
  );
}
