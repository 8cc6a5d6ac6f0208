/**
 * Sending calls of a run again: its dead letters, its rejected rows, or all of its calls to one
 * destination; as they were sent, or with what the query gives now.
 */
import { Link } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { useState } from "react";
import { toProblem } from "../../api/problem";
import { useReplayRun } from "../../api/queries/run-actions";
import type { ReplayMode, RunListEntry, StartedReplay } from "../../api/types";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/Copy";
import { Dialog } from "../../ui/Dialog";
import { Checkbox, RadioCards } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Select } from "../../ui/Select";

export interface ReplayScope {
  what: "dead_letters" | "rejected" | "all";
  code?: string;
  destination?: string;
  /** What is sent again, in words: `3 dead letters of journeys with D003`. */
  words: string;
}

interface Props {
  entry: RunListEntry;
  scope: ReplayScope;
  onClose: () => void;
}

/** What is usual for the type: events as they were, states as they are now. */
function usual(type: RunListEntry["type"]): ReplayMode {
  return type === "track" || type === "page" || type === "screen" ? "as_sent" : "requery";
}

function commandOf(run: number, scope: ReplayScope, mode: ReplayMode, to: string | null): string {
  const parts = [`outflow replay ${run} --${mode.replace("_", "-")}`];
  if (scope.code) parts.push(`--code ${scope.code}`);
  const destination = scope.destination ?? (mode === "all" ? to : null);
  if (destination) parts.push(`--destination ${destination}`);
  return parts.join(" ");
}

export function ReplayDialog({ entry, scope, onClose }: Props) {
  const names = Object.keys(entry.destinations);
  const [how, setHow] = useState<ReplayMode>(usual(entry.type));
  const [to, setTo] = useState<string | null>(names[0] ?? null);
  const [force, setForce] = useState(false);
  const replay = useReplayRun();
  const mode = scope.what === "rejected" ? "rejected" : scope.what === "all" ? "all" : how;
  const destination = scope.destination ?? (mode === "all" ? to : null);
  const send = () =>
    replay.mutate({
      run: entry.run,
      mode,
      ...(scope.code ? { code: scope.code } : {}),
      ...(destination ? { destination } : {}),
      ...(force ? { force } : {}),
    });
  return (
    <Dialog
      title={scope.what === "rejected" ? "Send fixed rows" : "Replay"}
      isOpen
      onClose={onClose}
      actions={
        replay.data ? (
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        ) : (
          <>
            <CopyButton
              text={commandOf(entry.run, scope, mode, to)}
              label="Copy as command"
              shown
            />
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" icon={RotateCw} pending={replay.isPending} onClick={send}>
              {scope.what === "rejected" ? "Send fixed rows" : "Replay"}
            </Button>
          </>
        )
      }
    >
      {replay.data ? (
        <Started started={replay.data} />
      ) : (
        <>
          <p>
            Sends again: <strong>{scope.words}</strong>.
          </p>
          {scope.what === "dead_letters" && (
            <RadioCards
              label="With which values?"
              name="mode"
              value={how}
              onChange={setHow}
              cards={[
                {
                  value: "as_sent",
                  title: "Same payload",
                  text: "The calls as they were, under the same message ids: a destination that has one already drops it.",
                },
                {
                  value: "requery",
                  title: "Current values",
                  text: "What the query now gives for these keys, under new message ids.",
                },
              ]}
            />
          )}
          {scope.what === "rejected" && (
            <p className="muted">
              The rows are read again with the query as it is now. Those that are fixed are sent;
              those that are not stay rejected.
            </p>
          )}
          {scope.what === "all" && (
            <Select
              label="To which destination?"
              name="destination"
              options={names.map((name) => ({ value: name, label: name }))}
              value={to}
              onChange={setTo}
            />
          )}
          <Checkbox
            label="Also what was replayed before"
            name="force"
            help="And calls that may overwrite a newer state at the destination."
            checked={force}
            onChange={setForce}
          />
          {replay.error && (
            <Notice tone="bad" title={toProblem(replay.error).title} live>
              {toProblem(replay.error).detail}
            </Notice>
          )}
        </>
      )}
    </Dialog>
  );
}

function Started({ started }: { started: StartedReplay }) {
  if (started.runs.length === 0) {
    return (
      <Notice tone="idle" title="There is nothing to replay" live>
        Everything that fits has been sent again already, or is not fixed yet.
      </Notice>
    );
  }
  return (
    <Notice tone="good" title="The replay has begun" live>
      {started.runs.map((one, index) => (
        <p key={index}>
          {one.run ? (
            <Link to="/runs/$run" params={{ run: String(one.run) }}>
              Run {one.run}
            </Link>
          ) : one.behind ? (
            <>
              It waits for{" "}
              <Link to="/runs/$run" params={{ run: String(one.behind) }}>
                run {one.behind}
              </Link>{" "}
              of the sync to end
            </>
          ) : (
            "It waits until the sync is free"
          )}
          {started.destinations[index] && ` sends to ${started.destinations[index]}`}.
        </p>
      ))}
    </Notice>
  );
}
