/** One of a few short words, side by side: radio buttons that look like a row of buttons. */
import { useId } from "react";
import { classes } from "../../lib/classes";
import css from "./editor.module.css";

interface Props<T extends string> {
  label: string;
  isLabelHidden?: boolean;
  options: readonly { value: T; label: string; disabledReason?: string | undefined }[];
  value: T;
  onChange: (value: T) => void;
}

export function Chips<T extends string>(props: Props<T>) {
  const { label, isLabelHidden = false, options, value, onChange } = props;
  const id = useId();
  return (
    <fieldset className={css.chips}>
      <legend className={classes(css.chipsLabel, isLabelHidden && "sr-only")}>{label}</legend>
      <div className={css.chipRow}>
        {options.map((option) => (
          <label
            key={option.value}
            className={css.chip}
            data-tip={option.disabledReason}
            data-off={option.disabledReason ? true : undefined}
          >
            <input
              type="radio"
              name={id}
              value={option.value}
              checked={option.value === value}
              disabled={option.disabledReason !== undefined}
              onChange={() => onChange(option.value)}
            />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
