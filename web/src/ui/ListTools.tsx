/** The line above a list: a filter (the key `/`), and what else narrows it. Kept in the address. */
import { Search } from "lucide-react";
import type { ReactNode } from "react";
import css from "./list-tools.module.css";

interface Props {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  children?: ReactNode;
}

export function ListTools({ label, value, onChange, children }: Props) {
  return (
    <div className={css.tools}>
      <label className={css.filter}>
        <Search size={16} strokeWidth={1.75} aria-hidden />
        <span className="sr-only">{label}</span>
        <input
          type="search"
          placeholder={label}
          value={value ?? ""}
          onChange={(event) => onChange(event.target.value || undefined)}
          data-filter
        />
      </label>
      {children}
    </div>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T | undefined;
  options: readonly { value: T | undefined; name: string; count?: number }[];
  onChange: (value: T | undefined) => void;
}

/** One of a few: `All`, `Failed`, …. */
export function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <div className={css.choice} role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value ?? ""}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.name}
          {option.count !== undefined && <span>{option.count}</span>}
        </button>
      ))}
    </div>
  );
}
