/**
 * Run Query: saves the draft, reads the first rows, then the calls that they become, then what each
 * destination would get. Each part is shown when it is there. Cancelling ends the query itself.
 */
import { useCallback, useEffect, useRef, useState } from "react";
import { preview, type PreviewDocument, type PreviewOfDestination } from "../../api/queries/drafts";
import { toProblem, type Problem } from "../../api/problem";
import type { Draft } from "./draft";
import { textAt, type Subject } from "./model";

export type Since = { kind: "first" } | { kind: "next" } | { kind: "time"; at: string };

export type Phase = "saving" | "rows" | "calls" | "requests";

export interface Preview {
  /** The text that was run: an edit makes what is shown old. */
  query: string;
  since: Since;
  limit: number;
  startedAt: number;
  /** Until the rows were there, in seconds. */
  elapsed: number | null;
  rows: PreviewDocument | null;
  calls: Record<string, unknown>[] | null;
  destinations: PreviewOfDestination[] | null;
  /** Of the rows, or of a part that came after them. */
  problem: { of: Phase; problem: Problem } | null;
  wasCancelled: boolean;
}

export interface PreviewControl {
  result: Preview | null;
  phase: Phase | null;
  run: (since: Since, limit: number) => void;
  cancel: () => void;
}

/** The time from which a draft beside a running sync reads, if it is to read what the sync would. */
async function lastSyncTime(sync: string, signal: AbortSignal): Promise<string> {
  const { last_sync_time: seconds } = await preview(sync, { limit: 1 }, signal);
  return new Date(Number(seconds) * 1000).toISOString();
}

export function usePreview(draft: Draft, subject: Subject): PreviewControl {
  const [result, setResult] = useState<Preview | null>(null);
  const [phase, setPhase] = useState<Phase | null>(null);
  const running = useRef<AbortController | null>(null);
  const cancel = useCallback(() => running.current?.abort(), []);
  useEffect(() => cancel, [cancel]);

  const run = useCallback(
    async (since: Since, limit: number) => {
      running.current?.abort();
      const controller = new AbortController();
      running.current = controller;
      const { signal } = controller;
      const { value } = draft.state.get();
      let now: Preview = {
        query: textAt(value, "query"),
        since,
        limit,
        startedAt: Date.now(),
        elapsed: null,
        rows: null,
        calls: null,
        destinations: null,
        problem: null,
        wasCancelled: false,
      };
      const show = (change: Partial<Preview>) => setResult((now = { ...now, ...change }));
      let of: Phase = "saving";
      const enter = (next: Phase) => setPhase((of = next));
      show({});
      enter("saving");
      try {
        const isAsIs = subject.kind === "enabled" && !draft.isBegun;
        if (subject.kind !== "read" && !isAsIs && draft.isDirty && !(await draft.flush())) {
          const { saving } = draft.state.get();
          if (saving.kind === "failed") throw saving.error;
          throw new Error("The draft could not be saved, so that there is nothing to run yet.");
        }
        const target = subject.kind === "enabled" ? subject.target.name : null;
        const name = draft.state.get().name ?? target!;
        enter("rows");
        const from =
          since.kind === "first"
            ? { first: true }
            : since.kind === "time"
              ? { since: since.at }
              : target === null || target === name
                ? {}
                : { since: await lastSyncTime(target, signal) };
        const begun = performance.now();
        const rows = await preview(name, { ...from, limit }, signal);
        show({ rows, elapsed: (performance.now() - begun) / 1000 });
        enter("calls");
        const { calls } = await preview(name, { ...from, limit, calls: true }, signal);
        show({ calls: calls ?? [] });
        enter("requests");
        const sent = await preview(name, { ...from, limit, requests: true }, signal);
        show({ destinations: sent.destinations ?? [] });
      } catch (thrown) {
        if (signal.aborted) {
          if (running.current === controller) show({ wasCancelled: true });
        } else show({ problem: { of, problem: toProblem(thrown) } });
      } finally {
        if (running.current === controller) {
          running.current = null;
          setPhase(null);
        }
      }
    },
    [draft, subject],
  );
  const start = useCallback((since: Since, limit: number) => void run(since, limit), [run]);
  return { result, phase, run: start, cancel };
}
