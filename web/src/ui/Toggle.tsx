/** A switch in a row of a table, whose name only screen readers and its tooltip say. */
import css from "./toggle.module.css";

interface Props {
  /** What it switches: `people enabled`. */
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  pending?: boolean;
  disabledReason?: string | false | null | undefined;
}

export function Toggle({ label, checked, onChange, pending = false, disabledReason }: Props) {
  const isOff = pending || Boolean(disabledReason);
  return (
    <button
      type="button"
      role="switch"
      className={css.toggle}
      aria-label={label}
      aria-checked={checked}
      aria-disabled={isOff || undefined}
      data-tip={disabledReason ? `${label}: ${disabledReason}` : label}
      onClick={() => !isOff && onChange(!checked)}
    />
  );
}
