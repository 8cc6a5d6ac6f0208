/**
 * A secret of a definition: typed, and then kept by Outflow under a name; or a secret that is kept
 * already. The definition has the reference alone.
 */
import { useQuery } from "@tanstack/react-query";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { secretsQuery } from "../../api/queries/secrets";
import type { SchemaField } from "../../lib/schema-form";
import { PasswordField } from "../../ui/Field";
import { Choice } from "../../ui/ListTools";
import { Select } from "../../ui/Select";
import css from "./destinations.module.css";

interface Props {
  field: SchemaField;
  /** What is typed, or a reference. */
  value: string;
  onChange: (value: string) => void;
  problem: string | undefined;
  /** The name under which what is typed is kept. */
  keptAs: string;
}

const REFERENCE = /^\$\{secret:(.+)\}$/;

export function SecretField({ field, value, onChange, problem, keptAs }: Props) {
  const mayList = useMay("secrets.list");
  const mayWrite = useMay("secrets.write");
  const secrets = useQuery({ ...secretsQuery, enabled: mayList }).data ?? [];
  const reference = REFERENCE.exec(value)?.[1];
  const isKept = value.startsWith("${");
  const options = [
    ...secrets.map((secret) => ({
      value: secret.name,
      label: secret.name,
      hint: secret.used_by.join(", ") || "not in use",
    })),
    ...(reference && !secrets.some((secret) => secret.name === reference)
      ? [{ value: reference, label: reference }]
      : []),
  ];
  return (
    <div className={css.secret}>
      <Choice
        label={`Where ${field.label} comes from`}
        value={isKept ? "kept" : "typed"}
        options={[
          { value: "typed", name: `Type the ${field.label.toLowerCase()}` },
          { value: "kept", name: "Use a kept secret" },
        ]}
        onChange={(way) => onChange(way === "kept" ? "${secret:}" : "")}
      />
      {!isKept ? (
        <PasswordField
          label={field.label}
          name={field.key}
          value={value}
          onChange={onChange}
          autoComplete="off"
          problem={
            value !== "" && !mayWrite
              ? `${needsRole("secrets.write")} Use a kept secret in its place.`
              : problem
          }
          help={
            <>
              {field.help} It is kept encrypted as the secret <code>{keptAs}</code>, and the
              definition refers to it.
            </>
          }
        />
      ) : (
        <Select
          label={field.label}
          name={field.key}
          options={options}
          value={reference ?? null}
          onChange={(chosen) => onChange(`\${secret:${chosen}}`)}
          placeholder={options.length === 0 ? "No secret is kept yet" : "Choose a secret"}
          {...(problem ? { problem } : {})}
          help={reference || options.length > 0 ? field.help : "Add one in Settings, Secrets."}
        />
      )}
    </div>
  );
}
