/**
 * Keys with which a request that begins something can be repeated and begins once: one key for one
 * intent, kept until it has succeeded, so that a second press after a lost answer is the same.
 */
import { useCallback, useRef } from "react";

export function newIdempotencyKey(): string {
  // `randomUUID` is not there on pages without TLS.
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Runs a creation with the key of its intent: `creation((headers) => ask(api.POST(…)))`. */
export function useCreation(): <T>(
  run: (headers: { "Idempotency-Key": string }) => Promise<T>,
) => Promise<T> {
  const key = useRef<string | null>(null);
  return useCallback(async (run) => {
    key.current ??= newIdempotencyKey();
    const done = await run({ "Idempotency-Key": key.current });
    key.current = null;
    return done;
  }, []);
}
