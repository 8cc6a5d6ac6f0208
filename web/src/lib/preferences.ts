/**
 * What a person has chosen for this browser: the theme, the zone of times, whether single keys are
 * shortcuts. Kept in the browser; `public/theme.js` reads the theme before the first paint.
 */
import { createStore, useStore } from "./store";
import type { Zone } from "./time";

export type Theme = "system" | "light" | "dark";

export interface Preferences {
  theme: Theme;
  zone: Zone;
  /** Whether `j`, `g s`, `/` and `?` do something. */
  shortcuts: boolean;
}

const KEY = "outflow.preferences";
const USUAL: Preferences = { theme: "system", zone: "local", shortcuts: true };

function one<T>(value: unknown, allowed: readonly T[], usual: T): T {
  return allowed.includes(value as T) ? (value as T) : usual;
}

/** Reads what is stored; what it does not know becomes what is usual. */
export function parsePreferences(text: string | null): Preferences {
  let found: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text ?? "{}");
    if (parsed && typeof parsed === "object") found = parsed as Record<string, unknown>;
  } catch {
    return USUAL;
  }
  return {
    theme: one(found.theme, ["system", "light", "dark"] as const, USUAL.theme),
    zone: one(found.zone, ["local", "utc"] as const, USUAL.zone),
    shortcuts: one(found.shortcuts, [true, false], USUAL.shortcuts),
  };
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const preferences = createStore<Preferences>(parsePreferences(stored()));

function show({ theme }: Preferences) {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
}

export function setPreferences(change: Partial<Preferences>) {
  const next = { ...preferences.get(), ...change };
  preferences.set(next);
  show(next);
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // Without storage the choice holds until the page is closed.
  }
}

/** Follows what another tab of the page chooses. */
export function followOtherTabs() {
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    const next = parsePreferences(event.newValue);
    preferences.set(next);
    show(next);
  });
}

export function usePreferences(): Preferences {
  return useStore(preferences);
}
