/** A switch in a table, with its word beside it: nothing is known by its colour alone. */
import formCss from "../../ui/form.module.css";
import { classes } from "../../lib/classes";

interface Props {
  /** What it turns on, for screen readers. */
  label: string;
  isOn: boolean;
  isPending: boolean;
  /** Why it cannot be turned now. */
  why: string | false;
  onChange: (on: boolean) => void;
}

export function ConnectionSwitch({ label, isOn, isPending, why, onChange }: Props) {
  const isOff = isPending || why !== false;
  return (
    <label className={classes("row", formCss.switch)} data-tip={why || undefined}>
      <input
        type="checkbox"
        role="switch"
        aria-label={label}
        aria-disabled={isOff || undefined}
        aria-busy={isPending || undefined}
        data-tip={why || undefined}
        checked={isOn}
        onChange={(event) => !isOff && onChange(event.target.checked)}
      />
      <span className="muted">{isOn ? "On" : "Off"}</span>
    </label>
  );
}
