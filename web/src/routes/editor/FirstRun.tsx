/** Where the first run begins: with everything, with what is new from now on, or at a time. */
import { useState } from "react";
import { localZone } from "../../lib/time";
import { inZone, wallOf } from "../../lib/zone";
import { TextField } from "../../ui/Field";
import { Chips } from "./Chips";
import css from "./editor.module.css";

const options = [
  { value: "beginning", label: "Everything" },
  { value: "now", label: "Only what changes from now on" },
  { value: "time", label: "What changed since a time" },
] as const;

interface Props {
  value: unknown;
  onChange: (first: string | undefined) => void;
}

export function FirstRun({ value, onChange }: Props) {
  const zone = localZone();
  const start =
    typeof value === "string" && value !== "beginning" && value !== "now" ? value : null;
  const [kind, setKind] = useState<(typeof options)[number]["value"]>(
    start ? "time" : value === "now" ? "now" : "beginning",
  );
  const [wall, setWall] = useState(() => (start ? wallOf(start, zone) : ""));
  return (
    <div className={css.fields}>
      <Chips
        label="First run"
        isLabelHidden
        options={options}
        value={kind}
        onChange={(next) => {
          setKind(next);
          if (next === "now") onChange("now");
          else onChange((next === "time" && inZone(wall, zone)) || undefined);
        }}
      />
      {kind === "time" && (
        <TextField
          label={`Since (${zone})`}
          name="first_run"
          type="datetime-local"
          value={wall}
          onChange={(next) => {
            setWall(next);
            onChange(inZone(next, zone) ?? undefined);
          }}
          className={css.short!}
        />
      )}
      <p className="muted">
        {"{{last_sync_time}}"} has this value in the first run
        {kind === "beginning" && ": 0, which is before every row"}. Each later run begins where the
        one before it began.
      </p>
    </div>
  );
}
