/** Below the query: rows beside their calls, and the columns. Or why there is neither. */
import { Play } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { ProblemError } from "../../../api/problem";
import { count } from "../../../lib/number";
import { targetsOf } from "../../../lib/columns";
import { Notice } from "../../../ui/Notice";
import { SectionCard } from "../../../ui/Page";
import { EmptyState, ErrorState, Skeleton } from "../../../ui/states";
import type { StepProps } from "../Editor";
import { textAt, typeOf } from "../model";
import { views, type View } from "../routes";
import type { Preview } from "../use-preview";
import { CallPane } from "./CallPane";
import { entriesOf, isBad, misfits, reasonsOf, rowsOf } from "./cells";
import { Columns } from "./Columns";
import { CopyRows } from "./CopyRows";
import { Grid, type Spot } from "./Grid";
import css from "./results.module.css";

interface Props extends StepProps {
  onRun: () => void;
  /** Writes over a part of the query. */
  onReplace: (from: number, to: number, text: string) => void;
}

const titles: Record<View, string> = { rows: "Rows and calls", columns: "Columns" };

export function Results(props: Props) {
  const { preview, state, view, go } = props;
  const { result, phase } = preview;
  const query = textAt(state.value, "query");
  const box = useRef<HTMLDivElement>(null);
  const hasEnded = result?.rows != null || result?.problem != null;
  useEffect(() => {
    // The rows can be below what is seen; the focus stays in the query.
    if (hasEnded) box.current?.scrollIntoView({ block: "nearest" });
  }, [hasEnded, result?.startedAt]);
  const isOld = result?.rows != null && result.query !== query;
  return (
    <SectionCard>
      <div className={css.head} role="tablist" aria-label="What the query gives">
        {views.map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            id={`tab-${one}`}
            aria-selected={one === view}
            aria-controls="results"
            tabIndex={one === view ? 0 : -1}
            className={css.tab}
            onClick={() => go({ view: one })}
            onKeyDown={(event) => {
              if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
              const other = views[(views.indexOf(one) + 1) % views.length]!;
              go({ view: other });
              document.getElementById(`tab-${other}`)?.focus();
            }}
          >
            {titles[one]}
          </button>
        ))}
      </div>
      <div
        id="results"
        ref={box}
        className={css.panel}
        role="tabpanel"
        aria-labelledby={`tab-${view}`}
      >
        {isOld && view === "rows" && (
          <p className={css.old} role="status">
            The query was changed since: this is what the text before gave. Press Run Query for new
            rows.
          </p>
        )}
        {view === "columns" ? <Columns {...props} /> : <Rows {...props} phase={phase} />}
      </div>
    </SectionCard>
  );
}

function Rows(props: Props & { phase: string | null }) {
  const { preview, phase, onRun } = props;
  const { result } = preview;
  if (!result) {
    return (
      <EmptyState icon={Play} title="See what it gives">
        Run Query reads the first rows and shows beside each one the call that it becomes. Nothing
        is sent.
      </EmptyState>
    );
  }
  if (!result.rows) {
    if (phase) return <Skeleton lines={8} label="The query runs" />;
    if (result.problem) {
      return (
        <ErrorState
          error={new ProblemError(result.problem.problem)}
          retry={onRun}
          what="The query gave no rows"
        />
      );
    }
    return (
      <EmptyState icon={Play} title="Cancelled">
        The query was ended before it gave a row.
      </EmptyState>
    );
  }
  if ((result.rows.rows ?? []).length === 0) return <NoRows result={result} />;
  return <Split {...props} result={result} />;
}

function NoRows({ result }: { result: Preview }) {
  const { columns, last_sync_time: since } = result.rows!;
  return (
    <EmptyState icon={Play} title="No rows, and nothing is wrong with that">
      {result.since.kind === "first"
        ? "No row of the database meets the query's conditions, even for the first run. "
        : `Nothing has changed since last_sync_time = ${since}. Preview as First run to see rows. `}
      It has {count(columns.length)} {columns.length === 1 ? "column" : "columns"}, and can be
      enabled.
    </EmptyState>
  );
}

function Split({ state, result, phase }: Props & { result: Preview; phase: string | null }) {
  const [spot, setSpot] = useState<Spot>({ row: 0, column: 0 });
  const [isBadOnly, setBadOnly] = useState(false);
  const document = result.rows!;
  const { calls, destinations } = result;
  const type = typeOf(state.value) ?? document.type;
  const { columns } = document;
  const rows = useMemo(() => rowsOf(document), [document]);
  const entries = useMemo(() => entriesOf(rows, calls, destinations), [rows, calls, destinations]);
  const targets = useMemo(
    () =>
      targetsOf(
        type,
        columns.map(({ name }) => name),
      ),
    [type, columns],
  );
  const bad = useMemo(() => entries.filter(isBad), [entries]);
  const shown = isBadOnly ? bad : entries;
  const wrong = useMemo(() => misfits(entries, targets, columns), [entries, targets, columns]);
  const at = Math.min(spot.row, shown.length - 1);
  const entry = shown[at];
  return (
    <>
      <div className={css.tools}>
        <p className={css.counts}>
          <strong>{count(entries.length)}</strong> {entries.length === 1 ? "row" : "rows"}
          {result.limit === entries.length && " (the first ones)"} ·{" "}
          <strong>{columns.length}</strong> {columns.length === 1 ? "column" : "columns"}
          {calls && (
            <>
              {" "}
              · <strong>{count(entries.length - bad.length)}</strong> become calls
              {bad.length > 0 && (
                <>
                  {" "}
                  · <strong className={css.badCount}>{count(bad.length)} do not</strong>
                </>
              )}
            </>
          )}
        </p>
        {bad.length > 0 && (
          <label className={css.filter}>
            <input
              type="checkbox"
              checked={isBadOnly}
              onChange={(event) => {
                setBadOnly(event.target.checked);
                setSpot({ row: 0, column: spot.column });
              }}
            />
            Only rows that do not become calls
          </label>
        )}
        <CopyRows columns={columns} entries={shown} spot={{ row: at, column: spot.column }} />
      </div>
      {result.problem && (
        <div className={css.notice}>
          <Notice tone="warn" live title={`The ${result.problem.of} could not be made`}>
            {result.problem.problem.detail}
          </Notice>
        </div>
      )}
      {bad.length > 0 && <Reasons entries={bad} total={entries.length} />}
      {wrong > 0 && (
        <div className={css.notice}>
          <Notice tone="warn" title="Rows and calls may not belong together">
            The database gave {count(wrong)} rows in another order when it was read for the calls.
            Run it again, or preview fewer rows.
          </Notice>
        </div>
      )}
      <div className={css.split}>
        <Grid
          columns={columns}
          targets={targets}
          entries={shown}
          hasCalls={calls !== null}
          spot={{ row: at, column: Math.min(spot.column, columns.length - 1) }}
          onSpot={setSpot}
        />
        <CallPane
          entry={entry}
          columns={columns}
          destinations={destinations}
          isMaking={phase !== null}
          marked={targets[spot.column]?.path ?? null}
        />
      </div>
    </>
  );
}

function Reasons({ entries, total }: { entries: Parameters<typeof reasonsOf>[0]; total: number }) {
  return (
    <ul className={css.reasons} aria-label="Why rows do not become calls">
      {reasonsOf(entries)
        .slice(0, 5)
        .map(({ text, rows }) => (
          <li key={text}>
            <strong>
              {count(rows)} of {count(total)} rows
            </strong>{" "}
            {text}
          </li>
        ))}
    </ul>
  );
}
