/** What can be done with all chosen syncs at once. What failed for one stands here, by name. */
import { useQueryClient } from "@tanstack/react-query";
import { Pause, Play, Undo2 } from "lucide-react";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { newIdempotencyKey } from "../../api/idempotency";
import { keys } from "../../api/keys";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { useMay } from "../../api/queries/me";
import { counted } from "../../lib/number";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import css from "./syncs.module.css";

type Action = "run" | "pause" | "resume";

function act(action: Action, sync: string): Promise<unknown> {
  const path = { sync };
  if (action === "pause") return ask(api.POST("/api/v1/syncs/{sync}/pause", { params: { path } }));
  if (action === "resume")
    return ask(api.POST("/api/v1/syncs/{sync}/resume", { params: { path } }));
  const header = { "Idempotency-Key": newIdempotencyKey() };
  return ask(api.POST("/api/v1/syncs/{sync}/runs", { params: { path, header }, body: {} }));
}

const done: Record<Action, string> = { run: "begun", pause: "paused", resume: "resumed" };

interface Outcome {
  action: Action;
  worked: string[];
  failed: { sync: string; why: string }[];
}

interface Props {
  chosen: readonly string[];
  shown: readonly string[];
  onChoose: (syncs: readonly string[]) => void;
}

export function BulkBar({ chosen, shown, onChoose }: Props) {
  const client = useQueryClient();
  const [pending, setPending] = useState<Action | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [mayRun, mayPause] = [useMay("runs.start"), useMay("pauses.write")];
  const run = async (action: Action, syncs: readonly string[]) => {
    setPending(action);
    const settled = await Promise.allSettled(syncs.map((sync) => act(action, sync)));
    const found: Outcome = { action, worked: [], failed: [] };
    settled.forEach((one, index) => {
      const sync = syncs[index]!;
      if (one.status === "fulfilled") found.worked.push(sync);
      else found.failed.push({ sync, why: toProblem(one.reason).detail });
    });
    setOutcome(found);
    setPending(null);
    [keys.syncs, keys.status, keys.runs].forEach(
      (queryKey) => void client.invalidateQueries({ queryKey }),
    );
  };
  const none = chosen.length === 0 && "Choose syncs first";
  const isAll = shown.length > 0 && shown.every((sync) => chosen.includes(sync));
  const undo: Action | null =
    outcome?.action === "pause" ? "resume" : outcome?.action === "resume" ? "pause" : null;
  return (
    <>
      <div className={css.bulk}>
        <label>
          <input
            type="checkbox"
            className={css.check}
            checked={isAll}
            ref={(box) => {
              if (box) box.indeterminate = chosen.length > 0 && !isAll;
            }}
            onChange={() => onChoose(isAll ? [] : shown)}
          />
          {chosen.length === 0 ? "Select all" : `${counted(chosen.length, "sync")} selected`}
        </label>
        <Button
          small
          icon={Play}
          pending={pending === "run"}
          disabledReason={none || (!mayRun && needsRole("runs.start"))}
          onClick={() => void run("run", chosen)}
        >
          Run now
        </Button>
        <Button
          small
          icon={Pause}
          pending={pending === "pause"}
          disabledReason={none || (!mayPause && needsRole("pauses.write"))}
          onClick={() => void run("pause", chosen)}
        >
          Pause
        </Button>
        <Button
          small
          icon={Play}
          pending={pending === "resume"}
          disabledReason={none || (!mayPause && needsRole("pauses.write"))}
          onClick={() => void run("resume", chosen)}
        >
          Resume
        </Button>
        {chosen.length > 0 && (
          <Button small look="quiet" onClick={() => onChoose([])}>
            Clear selection
          </Button>
        )}
      </div>
      {outcome && (
        <Notice
          tone={outcome.failed.length > 0 ? "bad" : "good"}
          title={`${counted(outcome.worked.length, outcome.action === "run" ? "run" : "sync")} ${done[outcome.action]}`}
          live
          onDismiss={() => setOutcome(null)}
          actions={
            undo &&
            outcome.worked.length > 0 && (
              <Button small icon={Undo2} onClick={() => void run(undo, outcome.worked)}>
                Undo
              </Button>
            )
          }
        >
          {outcome.failed.map(({ sync, why }) => (
            <p key={sync}>
              {sync}: {why}
            </p>
          ))}
        </Notice>
      )}
    </>
  );
}
