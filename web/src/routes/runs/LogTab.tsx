/** What happened to a run, in order; while it goes on, as it happens. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { createLazyRoute } from "@tanstack/react-router";
import { CircleAlert, CircleCheck, Dot, TriangleAlert } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { classes } from "../../lib/classes";
import { usePreferences } from "../../lib/preferences";
import { matches } from "../../lib/search";
import { absolute, inBothZones } from "../../lib/time";
import { AnchorButton } from "../../ui/Button";
import { CopyButton } from "../../ui/Copy";
import { Checkbox } from "../../ui/Field";
import { Choice, ListTools } from "../../ui/ListTools";
import { SectionCard } from "../../ui/Page";
import { isGoingOn } from "../../ui/status";
import { documentLines, eventLine, type Line } from "./log-lines";
import { useRunView } from "./run-context";
import css from "./runs.module.css";

export const Route = createLazyRoute("/app/runs/$run/log")({ component: LogTab });

const icons = { good: CircleCheck, bad: CircleAlert, warn: TriangleAlert, idle: Dot };

function LogTab() {
  const { entry, live } = useRunView();
  const { filter, level } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: { filter?: string | undefined; level?: "problems" | undefined }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const goesOn = isGoingOn(entry.state);
  const lines = useMemo(() => {
    const heard = live.log.map(eventLine);
    const known = documentLines(entry);
    // What was heard is exact; the document stands for what was not.
    const first = heard[0]?.at;
    const before = first ? known.filter(({ at }) => at < first) : known;
    const after = goesOn || !first ? [] : known.filter(({ text }) => text.startsWith("Recounted"));
    return [...before, ...heard, ...after];
  }, [entry, live.log, goesOn]);
  const shown = lines.filter(
    (line) =>
      matches(filter, line.text) &&
      (level !== "problems" || line.tone === "bad" || line.tone === "warn"),
  );
  return (
    <>
      <ListTools label="Search the log" value={filter} onChange={(value) => set({ filter: value })}>
        <Choice
          label="Level"
          value={level}
          options={[
            { value: undefined, name: "All" },
            { value: "problems", name: "Problems" },
          ]}
          onChange={(value) => set({ level: value })}
        />
      </ListTools>
      <SectionCard
        title="Log"
        text={
          goesOn
            ? "As it happens. It has everything since this page was opened."
            : "From the document of the run. Each request is in the log of the server."
        }
        actions={
          <CopyButton
            text={() => shown.map(({ at, text }) => `${at} ${text}`).join("\n")}
            label="Copy log"
            shown
          />
        }
      >
        <Lines lines={shown} goesOn={goesOn} />
      </SectionCard>
      <p className="row muted">
        In the log of the server: <code>{`journalctl -u outflow | grep run=${entry.run}`}</code>
        <CopyButton
          text={`journalctl -u outflow | grep run=${entry.run}`}
          label="Copy the command"
        />
        <AnchorButton
          small
          look="quiet"
          href={`/api/v1/runs/${entry.run}`}
          target="_blank"
          rel="noreferrer"
        >
          The run as JSON
        </AnchorButton>
      </p>
    </>
  );
}

const LINE_PX = 33;

function Lines({ lines, goesOn }: { lines: readonly Line[]; goesOn: boolean }) {
  const { zone } = usePreferences();
  const box = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(true);
  // Its functions are called in this render alone.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
  });
  useEffect(() => {
    if (goesOn && follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, goesOn, follows]);
  if (lines.length === 0) return <p className={classes(css.logLine, "muted")}>No line fits.</p>;
  const items = virtual.getVirtualItems();
  const top = items[0]?.start ?? 0;
  return (
    <>
      {/* It scrolls, so that the keyboard has to reach it. */}
      {/* eslint-disable jsx-a11y/no-noninteractive-tabindex */}
      <div
        ref={box}
        className={css.log}
        tabIndex={0}
        role="log"
        aria-label="Log of the run"
        onWheel={(event) => event.deltaY < 0 && setFollows(false)}
      >
        {/* eslint-enable jsx-a11y/no-noninteractive-tabindex */}
        <div style={{ height: virtual.getTotalSize() }}>
          <ol className={css.logList} style={{ transform: `translateY(${top}px)` }}>
            {items.map((item) => {
              const line = lines[item.index]!;
              const Icon = icons[line.tone];
              const date = new Date(line.at);
              return (
                <li
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  className={classes(css.logLine, css[line.tone])}
                >
                  <time dateTime={line.at} data-tip={inBothZones(date)}>
                    {clockOf(date, absolute(date, zone))}
                  </time>
                  <Icon size={14} aria-hidden />
                  <span>{line.text}</span>
                </li>
              );
            })}
          </ol>
        </div>
      </div>
      {goesOn && (
        <div className={css.logLine}>
          <Checkbox label="Follow the end" name="follow" checked={follows} onChange={setFollows} />
        </div>
      )}
    </>
  );
}

/** `07:01:02.345` out of the full time. */
function clockOf(date: Date, full: string): string {
  const clock = /\d\d:\d\d:\d\d/.exec(full)?.[0] ?? "";
  return `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
