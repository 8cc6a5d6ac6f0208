/** Fields for settings that a JSON Schema describes: the needed ones first, the rest behind `More`. */
import type { ReactNode } from "react";
import type { SchemaField, Typed } from "../lib/schema-form";
import { Disclosure } from "./Disclosure";
import { NumberField, Switch, TextArea, TextField } from "./Field";
import { Select } from "./Select";

interface Props {
  fields: readonly SchemaField[];
  typed: Typed;
  onChange: (key: string, text: string) => void;
  problems?: Typed;
  /** What a secret is typed into; its value stands in `typed` like any other. */
  secret: (field: SchemaField) => ReactNode;
}

export function SchemaFields({ fields, ...rest }: Props) {
  const isSet = ({ key }: SchemaField) => (rest.typed[key] ?? "") !== "";
  const first = fields.filter((field) => field.required || field.kind === "choice");
  const others = fields.filter((field) => !first.includes(field));
  return (
    <>
      {first.map((field) => (
        <SchemaInput key={field.key} field={field} {...rest} />
      ))}
      {others.length > 0 && (
        <Disclosure
          label="More settings"
          open={others.some((field) => isSet(field) || rest.problems?.[field.key])}
        >
          {others.map((field) => (
            <SchemaInput key={field.key} field={field} {...rest} />
          ))}
        </Disclosure>
      )}
    </>
  );
}

type InputProps = Omit<Props, "fields"> & { field: SchemaField };

function SchemaInput({ field, typed, onChange, problems, secret }: InputProps) {
  const value = typed[field.key] ?? "";
  const common = {
    label: field.label,
    name: field.key,
    help: helpOf(field),
    optional: !field.required,
    problem: problems?.[field.key] ?? null,
  };
  const change = (text: string) => onChange(field.key, text);
  switch (field.kind) {
    case "secret":
      return secret(field);
    case "choice":
      return (
        <Select
          {...common}
          options={field.choices.map((choice) => ({ value: choice, label: choice }))}
          value={value || field.fallback}
          onChange={change}
        />
      );
    case "switch":
      return (
        <Switch
          {...common}
          checked={(value || field.fallback) === "true"}
          onChange={(checked) => change(String(checked))}
        />
      );
    case "number":
      return (
        <NumberField
          {...common}
          value={value === "" ? null : Number(value)}
          onChange={(number) => change(number === null ? "" : String(number))}
          placeholder={field.fallback ?? ""}
          {...(field.minimum === null ? {} : { min: field.minimum })}
          {...(field.maximum === null ? {} : { max: field.maximum })}
        />
      );
    case "table":
      return (
        <TextArea
          {...common}
          mono
          rows={3}
          placeholder="Name: value"
          value={value}
          onChange={change}
        />
      );
    case "list":
    case "json":
      return <TextArea {...common} mono rows={3} value={value} onChange={change} />;
    case "text":
      return (
        <TextField
          {...common}
          value={value}
          onChange={change}
          placeholder={field.fallback ?? ""}
          spellCheck={false}
          autoCapitalize="off"
        />
      );
  }
}

function helpOf({ kind, help }: SchemaField): string {
  if (kind === "table") return `${help} A line each.`.trim();
  return kind === "list" ? `${help} A line each.` : help;
}
