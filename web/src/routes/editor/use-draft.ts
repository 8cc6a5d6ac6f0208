/** A draft in React: it follows the session, other people, and the closing of the window. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { draftRequests, type Saved } from "../../api/queries/drafts";
import { definitionQuery, type Value } from "../../api/queries/definitions";
import { sessionExpired } from "../../api/session";
import { useStore } from "../../lib/store";
import { Draft, type Backup, type DraftState } from "./draft";

/** What is kept in this tab until the server has it. */
function backupIn(key: string): Backup {
  return {
    read() {
      try {
        return JSON.parse(sessionStorage.getItem(key) ?? "null") as ReturnType<Backup["read"]>;
      } catch {
        return null;
      }
    },
    write(kept) {
      try {
        if (kept) sessionStorage.setItem(key, JSON.stringify(kept));
        else sessionStorage.removeItem(key);
      } catch {
        // Without storage, what is typed is kept until the page is closed.
      }
    },
  };
}

interface Options {
  start: Saved | { name: null; value: Value };
  wantedName?: string;
  /** Under which name what is typed is kept in the browser. */
  key: string;
}

export function useDraft(options: Options): [Draft, DraftState] {
  const [draft] = useState(
    () =>
      new Draft({
        requests: draftRequests,
        start: options.start,
        ...(options.wantedName ? { wantedName: options.wantedName } : {}),
        backup: backupIn(`outflow.editor.${options.key}`),
      }),
  );
  const state = useStore(draft.state);

  useEffect(
    () =>
      sessionExpired.subscribe(() => {
        if (!sessionExpired.get()) void draft.flush();
      }),
    [draft],
  );
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      const { kind } = draft.state.get().saving;
      if (kind === "waiting" || kind === "saving" || kind === "failed") event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    return () => {
      window.removeEventListener("beforeunload", warn);
      if (draft.state.get().saving.kind === "waiting") void draft.flush();
    };
  }, [draft]);
  useOthers(draft, state);
  return [draft, state];
}

/** Live events make the definition stale: what another person has saved is seen at once. */
function useOthers(draft: Draft, { name, version }: DraftState) {
  const { data } = useQuery({
    ...definitionQuery("sync", name ?? ""),
    enabled: name !== null,
    retry: false,
  });
  const theirs = data?.value;
  useEffect(() => {
    if (!theirs || theirs.name !== name || theirs.version <= version || !theirs.status) return;
    const { version: newer, value, at, by } = theirs;
    draft.noticed({
      name: theirs.name,
      version: newer,
      value: (value ?? {}) as Value,
      at,
      by: by.name,
    });
  }, [draft, name, version, theirs]);
}
