/** What narrows a list beside its filter: a text or a choice with its name in it. */
import type { ReactNode } from "react";
import css from "./filter-field.module.css";

interface TextProps {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  placeholder?: string;
}

function Frame({ label, children }: { label: string; children: ReactNode }) {
  return (
    // The control stands in it.

    <label className={css.field}>
      <span>{label}</span>
      {children}
    </label>
  );
}

export function FilterText({ label, value, onChange, placeholder }: TextProps) {
  return (
    <Frame label={label}>
      <input
        type="search"
        value={value ?? ""}
        placeholder={placeholder}
        onChange={(event) => onChange(event.target.value || undefined)}
        autoComplete="off"
        spellCheck={false}
      />
    </Frame>
  );
}

interface SelectProps {
  label: string;
  value: string | undefined;
  /** The first one is what holds without a choice. */
  options: readonly { value: string | undefined; label: string }[];
  onChange: (value: string | undefined) => void;
}

export function FilterSelect({ label, value, options, onChange }: SelectProps) {
  return (
    <Frame label={label}>
      <select value={value ?? ""} onChange={(event) => onChange(event.target.value || undefined)}>
        {options.map((option) => (
          <option key={option.value ?? ""} value={option.value ?? ""}>
            {option.label}
          </option>
        ))}
      </select>
    </Frame>
  );
}
