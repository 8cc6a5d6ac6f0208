/** Single keys as shortcuts: not while a person types, and not if they have switched them off. */
import { useEffect } from "react";
import { preferences } from "./preferences";

/** Whether the key goes into a field, or is part of a chord of the browser. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    target.closest("input, textarea, select, [role=dialog], [role=menu], [role=listbox]") !== null
  );
}

const SEQUENCE_MS = 1_200;

/**
 * Calls what belongs to a key, or to two in a row: `{ "?": help, "g s": goToSources }`.
 * Pure but for the time that lies between two keys.
 */
export function keySequence(actions: () => Record<string, () => void>) {
  let first: { key: string; at: number } | null = null;
  return (key: string, at: number): boolean => {
    const known = actions();
    const pair = first && at - first.at < SEQUENCE_MS ? `${first.key} ${key}` : null;
    first = null;
    const action = (pair && known[pair]) || known[key];
    if (action) {
      action();
      return true;
    }
    if (Object.keys(known).some((name) => name.startsWith(`${key} `))) first = { key, at };
    return false;
  };
}

/** Listens on the document while the component is there. */
export function useShortcuts(actions: Record<string, () => void>) {
  useEffect(() => {
    const take = keySequence(() => actions);
    const onKey = (event: KeyboardEvent) => {
      if (!preferences.get().shortcuts || isTyping(event)) return;
      if (take(event.key, event.timeStamp)) event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [actions]);
}
