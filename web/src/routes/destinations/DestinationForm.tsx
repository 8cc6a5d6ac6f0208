/** The settings of a destination as a form of its type's schema. */
import { useState, type ReactNode } from "react";
import type { DestinationType } from "../../api/types";
import {
  fieldsOf,
  problemsOf,
  secretName,
  settingsOf,
  typedOf,
  type SchemaField,
  type Settings,
  type Typed,
} from "../../lib/schema-form";
import { SchemaFields } from "../../ui/SchemaFields";
import { SecretField } from "./SecretField";

/** The fields that every type has beside its own. */
const shared: SchemaField[] = [
  budget("per_day", "Calls a day at most", "In a day of UTC; runs wait when it is used up."),
  budget("per_month", "Calls a month at most", "In a month of UTC; runs wait when it is used up."),
];

function budget(key: string, label: string, help: string): SchemaField {
  return {
    key: `budget.${key}`,
    kind: "number",
    label,
    help,
    required: false,
    fallback: "no limit",
    choices: [],
    minimum: 0,
    maximum: null,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function flat(settings: Settings): Settings {
  const limits = isRecord(settings.budget) ? settings.budget : {};
  const entries = Object.entries(limits).map(([key, value]) => [`budget.${key}`, value]);
  return { ...settings, ...Object.fromEntries(entries) };
}

/** The state of the form: what is typed, what is wrong, and the settings that it says. */
export function useDestinationForm(type: DestinationType | undefined, present: Settings) {
  const fields = type ? [...fieldsOf(type.settings), ...shared] : [];
  const [changed, setChanged] = useState<Typed>({});
  const typed = { ...typedOf(fields, flat(present)), ...changed };
  const entries = Object.entries(settingsOf(fields, typed));
  const own = entries.filter(([key]) => !key.startsWith("budget."));
  const limits = entries.filter(([key]) => key.startsWith("budget."));
  const unfit = fields.filter(({ key }) => typed[key] === "${secret:}");
  const settings: Settings = {
    type: type?.type ?? present.type,
    ...Object.fromEntries(own),
    ...(limits.length > 0
      ? { budget: Object.fromEntries(limits.map(([key, value]) => [key.slice(7), value])) }
      : {}),
  };
  const problems = {
    ...problemsOf(fields, typed),
    ...Object.fromEntries(unfit.map(({ key }) => [key, "Choose a secret."])),
  };
  const set = (key: string, text: string) => setChanged((before) => ({ ...before, [key]: text }));
  return { fields, typed, settings, problems, set };
}

interface Props {
  form: ReturnType<typeof useDestinationForm>;
  /** The destination's name: typed secrets are kept under it. */
  name: string;
  /** Whether what is wrong is shown yet. */
  shown: boolean;
}

export function DestinationFields({ form, name, shown }: Props): ReactNode {
  const problems = shown ? form.problems : {};
  return (
    <SchemaFields
      fields={form.fields}
      typed={form.typed}
      problems={problems}
      onChange={form.set}
      secret={(field) => (
        <SecretField
          key={field.key}
          field={field}
          value={form.typed[field.key] ?? ""}
          onChange={(text) => form.set(field.key, text)}
          problem={problems[field.key]}
          keptAs={secretName(name || "NAME", field.key)}
        />
      )}
    />
  );
}
