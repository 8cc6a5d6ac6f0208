/** Whether the server has what was typed, in a few words; and Ctrl+S on the whole screen. */
import { Check, CloudOff, LoaderCircle, TriangleAlert } from "lucide-react";
import { useEffect } from "react";
import { toProblem } from "../../api/problem";
import { useNow } from "../../lib/now";
import { relative } from "../../lib/time";
import { Button } from "../../ui/Button";
import type { Draft, DraftState } from "./draft";
import css from "./editor.module.css";

export function SaveState({ draft, state }: { draft: Draft; state: DraftState }) {
  const now = useNow();
  const { saving, name } = state;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void draft.flush();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [draft]);
  if (saving.kind === "failed") {
    return (
      <div className={css.save} role="status">
        <CloudOff size={16} aria-hidden className={css.saveBad} />
        <span>Not saved: {toProblem(saving.error).title}. It is kept in this tab.</span>
        <Button small onClick={() => void draft.flush()}>
          Try again
        </Button>
      </div>
    );
  }
  const said = {
    nothing: name === null ? "Not saved yet" : "Saved",
    waiting: name === null ? "Not saved yet" : "Saving…",
    saving: "Saving…",
    saved: "",
    conflict: "Not saved: another person has changed it",
  }[saving.kind];
  const Icon =
    saving.kind === "conflict"
      ? TriangleAlert
      : saving.kind === "saving" || (saving.kind === "waiting" && name !== null)
        ? LoaderCircle
        : name === null
          ? CloudOff
          : Check;
  const text =
    saving.kind === "saved"
      ? `Saved ${relative(new Date(saving.at), laterOf(now, saving.at))}`
      : said;
  return (
    <div className={css.save}>
      <Icon size={16} aria-hidden />
      <span>{text}</span>
      <span className="sr-only" role="status">
        {saving.kind === "saved" ? "Saved" : saving.kind === "conflict" ? said : ""}
      </span>
    </div>
  );
}

/** The clock of relative times ticks every few seconds, and may be behind what was just saved. */
function laterOf(now: Date, at: number): Date {
  return now.getTime() < at ? new Date(at) : now;
}
