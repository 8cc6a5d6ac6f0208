/**
 * Whether the browser is signed in, as far as answers have shown. An expired session opens the
 * sign-in over the page: nothing that a person has typed is lost.
 */
import { createStore } from "../lib/store";

/** True while a session that was there has ended. */
export const sessionExpired = createStore(false);

let wasSignedIn = false;

/** An answer came for a signed-in person. */
export function noteSignedIn() {
  wasSignedIn = true;
  sessionExpired.set(false);
}

/** The person has signed out on purpose: the next 401 is no expiry. */
export function noteSignedOut() {
  wasSignedIn = false;
  sessionExpired.set(false);
}

/** An answer said that the browser is not signed in. */
export function noteUnauthorized() {
  if (wasSignedIn) sessionExpired.set(true);
}
