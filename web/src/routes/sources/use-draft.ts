/**
 * What is typed about a database that is not saved yet, kept until the tab is closed: the API keeps
 * no drafts of sources. The password is kept in memory alone.
 */
import { useCallback, useState } from "react";
import { emptyForm, type DatabaseForm, type SourceType } from "./database-form";

function read(key: string, type: SourceType): DatabaseForm {
  const empty = emptyForm(type);
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
    return found && typeof found === "object" ? { ...empty, ...found } : empty;
  } catch {
    return empty;
  }
}

/** The form, how to change it, and how to forget it once it is saved. */
export function useDraft(type: SourceType, source: string | null) {
  const key = `outflow.database.${source ?? "new"}.${type}`;
  const [form, setForm] = useState(() => read(key, type));
  const change = useCallback(
    (next: DatabaseForm) => {
      setForm(next);
      try {
        sessionStorage.setItem(key, JSON.stringify({ ...next, password: "" }));
      } catch {
        // Without storage it holds until the page is left.
      }
    },
    [key],
  );
  const forget = useCallback(() => {
    try {
      sessionStorage.removeItem(key);
    } catch {
      // There was nothing to forget.
    }
  }, [key]);
  return [form, change, forget] as const;
}
