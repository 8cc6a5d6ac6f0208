/** How often it runs, and from when on. A key that is wrong is shown where it is typed. */
import { useQuery } from "@tanstack/react-query";
import { useId, useState, type ReactNode } from "react";
import { toProblem, entriesAt } from "../../api/problem";
import { scheduleQuery } from "../../api/queries/drafts";
import type { Value } from "../../api/queries/definitions";
import { localZone } from "../../lib/time";
import { allZones, inZone, isZone, wallOf } from "../../lib/zone";
import { TextField } from "../../ui/Field";
import { Chips } from "./Chips";
import css from "./editor.module.css";
import {
  chosenOf,
  intervalInWords,
  presets,
  scheduleOf,
  type Choice,
  type Chosen,
} from "./schedule";

interface Props {
  schedule: unknown;
  onChange: (schedule: unknown) => void;
}

const choices: readonly { value: Choice; label: string }[] = [
  ...presets,
  { value: "interval", label: "Another interval" },
  { value: "cron", label: "Cron" },
  { value: "manual", label: "Only when I run it" },
];

export function ScheduleFields({ schedule, onChange }: Props) {
  const zone = localZone();
  // `interval` with 15m is what a person types, and no preset: the choice is kept here.
  const [choice, setChoice] = useState<Choice>(() => chosenOf(schedule, zone).choice);
  const chosen: Chosen = { ...chosenOf(schedule, zone), choice };
  const put = (change: Partial<Chosen>) => {
    if (change.choice) setChoice(change.choice);
    onChange(scheduleOf({ ...chosen, ...change }));
  };
  const said = useScheduleProblem(schedule);
  const problemAt = (key: string) => said(key)?.message;
  return (
    <div className={css.fields}>
      <Chips
        label="Sync frequency"
        isLabelHidden
        options={choices}
        value={choice}
        onChange={(next) => put({ choice: next })}
      />
      {choice === "interval" && (
        <TextField
          label="Interval"
          name="schedule.every"
          value={chosen.every}
          onChange={(every) => put({ every })}
          mono
          className={css.short!}
          help={
            intervalInWords(chosen.every) ?? "A number and m, h or d: 30m, 6h, 2d. At least 1m."
          }
          problem={problemAt("every")}
        />
      )}
      {choice === "cron" && (
        <div className={css.pair}>
          <TextField
            label="Cron"
            name="schedule.cron"
            value={chosen.cron}
            onChange={(cron) => put({ cron })}
            mono
            spellCheck={false}
            help="Minute, hour, day of month, month, day of week."
            problem={problemAt("cron")}
          />
          <ZoneField
            value={chosen.timezone}
            onChange={(timezone) => put({ timezone })}
            problem={problemAt("timezone")}
          />
        </div>
      )}
      {choice !== "manual" && <Start chosen={chosen} put={put} problem={problemAt("start")} />}
    </div>
  );
}

/** What the server says about the schedule, by key. */
function useScheduleProblem(schedule: unknown) {
  const isTable = typeof schedule === "object" && schedule !== null;
  const { error } = useQuery({
    ...scheduleQuery(isTable ? (schedule as Value) : {}),
    enabled: isTable,
  });
  return (key: string) => (error ? entriesAt(toProblem(error), `schedule.${key}`)[0] : undefined);
}

interface ZoneProps {
  value: string;
  onChange: (zone: string) => void;
  problem?: string | undefined;
}

function ZoneField({ value, onChange, problem }: ZoneProps) {
  const list = useId();
  return (
    <>
      <TextField
        label="Time zone"
        name="schedule.timezone"
        value={value}
        onChange={onChange}
        list={list}
        spellCheck={false}
        help="The clocks of this zone count, also when they change."
        problem={problem ?? (!isZone(value) && "Choose a zone such as Europe/Berlin.")}
      />
      <datalist id={list}>
        {allZones().map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}

interface StartProps {
  chosen: Chosen;
  put: (change: Partial<Chosen>) => void;
  problem: string | undefined;
}

function Start({ chosen, put, problem }: StartProps): ReactNode {
  const [zone, setZone] = useState(localZone);
  const [isLater, setLater] = useState(chosen.start !== null);
  const [wall, setWall] = useState(() => (chosen.start ? wallOf(chosen.start, zone) : ""));
  if (chosen.choice === "cron") {
    return (
      <p className="muted">
        Start: at its next time. A cron schedule has no other start; enable the sync when it is to
        begin.
      </p>
    );
  }
  const set = (nextWall: string, nextZone: string) => {
    setWall(nextWall);
    setZone(nextZone);
    if (isZone(nextZone)) put({ start: inZone(nextWall, nextZone) });
  };
  return (
    <>
      <Chips
        label="Start"
        options={[
          { value: "now", label: "Immediately" },
          { value: "later", label: "At a date and time" },
        ]}
        value={isLater ? "later" : "now"}
        onChange={(next) => {
          setLater(next === "later");
          put({ start: next === "later" && isZone(zone) ? inZone(wall, zone) : null });
        }}
      />
      {isLater && (
        <div className={css.pair}>
          <TextField
            label="Date and time"
            name="schedule.start"
            type="datetime-local"
            value={wall}
            onChange={(next) => set(next, zone)}
            problem={problem ?? (wall === "" && "Choose when it is to begin.")}
          />
          <ZoneField value={zone} onChange={(next) => set(wall, next)} />
        </div>
      )}
    </>
  );
}
