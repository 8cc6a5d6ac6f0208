/** Above the query: as which run it is previewed, how many rows, Run Query and Cancel. */
import { Braces, Play, Square } from "lucide-react";
import { useEffect, useState } from "react";
import { count } from "../../lib/number";
import { duration, localZone } from "../../lib/time";
import { inZone } from "../../lib/zone";
import { Button } from "../../ui/Button";
import { Chips } from "./Chips";
import css from "./editor.module.css";
import type { Phase, PreviewControl, Since } from "./use-preview";

interface Props {
  since: Since;
  onSince: (since: Since) => void;
  limit: number;
  onLimit: (limit: number) => void;
  /** A sync that has run: its next run is not its first one. */
  hasRun: boolean;
  preview: PreviewControl;
  disabledReason: string | null;
  onRun: () => void;
  onInsert: (() => void) | null;
}

const LIMITS = [10, 100, 1_000];

const phases: Record<Phase, string> = {
  saving: "Saving the draft",
  rows: "Reading rows",
  calls: "Making calls",
  requests: "Making requests",
};

export function RunBar(props: Props) {
  const { since, onSince, limit, onLimit, hasRun, preview, disabledReason, onRun, onInsert } =
    props;
  const { phase, result, cancel } = preview;
  return (
    <div className={css.bar}>
      <div className={css.barRow}>
        {phase ? (
          <Button icon={Square} onClick={cancel}>
            Cancel
          </Button>
        ) : (
          <Button icon={Play} look="primary" disabledReason={disabledReason} onClick={onRun}>
            Run Query
          </Button>
        )}
        <label className={css.limit}>
          <span>First</span>
          <select value={limit} onChange={(event) => onLimit(Number(event.target.value))}>
            {LIMITS.map((number) => (
              <option key={number} value={number}>
                {count(number)}
              </option>
            ))}
          </select>
          <span>rows</span>
        </label>
        <span className={css.barState} role="status">
          {phase && result ? (
            <Elapsed since={result.startedAt} phase={phase} />
          ) : result?.rows ? (
            `${count(result.rows.rows?.length ?? 0)} rows in ${duration(result.elapsed ?? 0)}`
          ) : result?.wasCancelled ? (
            "Cancelled"
          ) : (
            ""
          )}
        </span>
      </div>
      <div className={css.barRow}>
        <button
          type="button"
          className={css.variable}
          data-tip="Write it into the query"
          disabled={!onInsert}
          onClick={() => onInsert?.()}
        >
          <Braces size={14} aria-hidden />
          {"{{last_sync_time}}"}
        </button>
        <SinceChoice since={since} onSince={onSince} hasRun={hasRun} />
      </div>
    </div>
  );
}

function Elapsed({ since, phase }: { since: number; phase: Phase }) {
  const [now, setNow] = useState(since);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 100);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, (now - since) / 1000);
  return (
    <>
      {phases[phase]}… <span aria-hidden>{seconds.toFixed(1)} s</span>
    </>
  );
}

const meanings: Record<Since["kind"], string> = {
  first: "0: every row",
  next: "where the last run began",
  time: "the time that you choose",
};

function SinceChoice({ since, onSince, hasRun }: Pick<Props, "since" | "onSince" | "hasRun">) {
  const zone = localZone();
  const [wall, setWall] = useState("");
  const choose = (kind: Since["kind"], at: string) => {
    if (kind !== "time") return onSince({ kind });
    onSince({ kind, at: inZone(at, zone) ?? new Date(0).toISOString() });
  };
  return (
    <>
      <Chips
        label="Preview as"
        options={[
          { value: "first", label: "First run" },
          {
            value: "next",
            label: "Next run",
            disabledReason: hasRun ? undefined : "It has not run yet: its next run is the first.",
          },
          { value: "time", label: "A time" },
        ]}
        value={since.kind}
        onChange={(kind) => choose(kind, wall)}
      />
      {since.kind === "time" && (
        <input
          type="datetime-local"
          className={css.time}
          aria-label={`Time in the zone ${zone}`}
          value={wall}
          onChange={(event) => {
            setWall(event.target.value);
            choose("time", event.target.value);
          }}
        />
      )}
      <span className={css.meaning}>
        {since.kind === "time"
          ? `${Math.floor(Date.parse(since.at) / 1000)} (${zone})`
          : meanings[since.kind]}
      </span>
    </>
  );
}
