/** What a schedule means: in words, and the next five times, with the days when clocks change. */
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useState } from "react";
import { scheduleQuery } from "../../api/queries/drafts";
import type { Value } from "../../api/queries/definitions";
import { SectionCard } from "../../ui/Page";
import { Time } from "../../ui/values";
import css from "./editor.module.css";
import { intervalInWords } from "./schedule";

/** A cron line in words. Its dictionary is loaded when there is one. */
function useCronWords(cron: string | null): string | null {
  const [words, setWords] = useState<{ cron: string; text: string } | null>(null);
  useEffect(() => {
    if (cron === null) return;
    let isWanted = true;
    void import("cronstrue").then(({ default: cronstrue }) => {
      let text = "";
      try {
        text = cronstrue.toString(cron, { use24HourTimeFormat: true });
      } catch {
        // The server says what is wrong with it.
      }
      if (isWanted) setWords({ cron, text });
    });
    return () => {
      isWanted = false;
    };
  }, [cron]);
  return words?.cron === cron ? words.text : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

export function SchedulePreview({ schedule }: { schedule: unknown }) {
  const table = typeof schedule === "object" && schedule !== null ? (schedule as Value) : null;
  const shown = useDeferredValue(table);
  const cron = useCronWords(textOf(table?.cron));
  const { data, error } = useQuery({
    ...scheduleQuery(shown ?? {}),
    enabled: shown !== null,
    placeholderData: (before) => before,
  });
  const every = textOf(table?.every);
  const zone = textOf(table?.timezone) ?? "UTC";
  const words = cron ? `${cron}, ${zone} time.` : every ? intervalInWords(every) : null;
  return (
    <SectionCard title="When it runs" padded>
      {table === null ? (
        <p className="muted">
          It runs when you press Run now, or by <code>outflow run</code> and the API.
        </p>
      ) : error ? (
        <p className="muted">The schedule is not complete yet.</p>
      ) : (
        <div className="stack-tight">
          {words && <p>{words}</p>}
          <ol className={css.slots}>
            {(data?.next_slots ?? []).map(({ at, local, clocks_change: change }) => (
              <li key={at}>
                <Time at={at} as="short" />
                <span className="muted">
                  <Time at={at} />
                </span>
                {cron && zone !== "UTC" && (
                  <span className={css.slotLocal}>
                    {local.slice(11, 16)} {zone}
                  </span>
                )}
                {change && <span className={css.slotChange}>Clocks change before it</span>}
              </li>
            ))}
          </ol>
          <p className="muted">
            A run that is due while the one before it still works is skipped, and the next one
            catches up.
          </p>
        </div>
      )}
    </SectionCard>
  );
}
