/** The fields of a database. A URL or an endpoint that is pasted into Host splits itself. */
import { useState } from "react";
import { splitAddress, sslModes, type DatabaseAddress } from "../../lib/database-url";
import { Checkbox, NumberField, TextField } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { Select } from "../../ui/Select";
import { withAddress, usualSsl, type DatabaseForm, type Problems } from "./database-form";
import { LoginFields } from "./LoginFields";
import { MoreFields } from "./MoreFields";
import css from "./sources.module.css";

export interface FieldsProps {
  type: "redshift" | "postgres";
  form: DatabaseForm;
  onChange: (form: DatabaseForm) => void;
  problems: Problems;
  /** Where the API says what is wrong: `databases.main`. */
  path: string;
  /** The secret that a typed password becomes. */
  secret: string;
}

const sslHints: Record<(typeof sslModes)[number], string> = {
  disable: "No encryption",
  prefer: "Encrypted if the server offers it; nothing is checked",
  require: "Encrypted; the certificate is not checked",
  "verify-ca": "Encrypted; the certificate's authority is checked",
  "verify-full": "Encrypted; authority and host name are checked",
};

export function DatabaseFields(props: FieldsProps) {
  const { type, form, onChange, problems, path, secret } = props;
  const [split, setSplit] = useState<DatabaseAddress | null>(null);
  const set = (change: Partial<DatabaseForm>) => onChange({ ...form, ...change });
  const takeHost = (host: string) => {
    const address = splitAddress(host);
    setSplit(address);
    if (address) onChange(withAddress(form, address));
    else set({ host });
  };
  const isWeak = form.ssl === "disable" || form.ssl === "prefer" || form.ssl === "require";
  return (
    <>
      <div className={css.hostAndPort}>
        <TextField
          label="Host"
          name={`${path}.host`}
          value={form.host}
          onChange={takeHost}
          problem={problems.host}
          placeholder={
            type === "redshift"
              ? "cluster.abc123.eu-central-1.redshift.amazonaws.com"
              : "replica.example.com"
          }
          help="A whole URL or JDBC string splits itself when you paste it here."
          autoComplete="off"
          spellCheck={false}
        />
        <NumberField
          label="Port"
          name={`${path}.port`}
          value={form.port}
          onChange={(port) => set({ port })}
          problem={problems.port}
        />
      </div>
      {split && (
        <Notice tone="good" title="The address is split into its fields" live>
          {splitText(split)}
        </Notice>
      )}
      <TextField
        label="Database name"
        name={`${path}.database`}
        value={form.database}
        onChange={(database) => set({ database })}
        problem={problems.database}
        placeholder={type === "redshift" ? "dev" : "app"}
        help="As it is called on the server."
        autoComplete="off"
        spellCheck={false}
      />
      <LoginFields {...{ type, form, set, problems, path, secret }} />
      <Select
        label="SSL mode"
        name={`${path}.ssl`}
        value={form.ssl === "" ? usualSsl[type] : form.ssl}
        onChange={(ssl) => set({ ssl })}
        options={sslModes.map((value) => ({ value, label: value, hint: sslHints[value] }))}
        help={
          isWeak
            ? "This does not prove which server answers. Use verify-full wherever it has a certificate."
            : "The server has to prove who it is before the password is sent."
        }
      />
      <MoreFields {...{ type, form, set, problems, path }} />
      {isWeak && form.login !== "iam" && (
        <Checkbox
          label="Allow the password in clear text"
          name={`${path}.allow_cleartext_password`}
          checked={form.clearText}
          onChange={(clearText) => set({ clearText })}
          help="Only if the network between is your own, and the server asks for it this way."
        />
      )}
    </>
  );
}

function splitText({ password, ...address }: DatabaseAddress): string {
  const names: Record<string, string> = {
    host: "host",
    port: "port",
    database: "database name",
    user: "user",
    ssl: "SSL mode",
    iam: "log-in with AWS IAM",
  };
  const found = Object.keys(address).map((key) => names[key] ?? key);
  if (password) found.push("password");
  return `Found: ${found.join(", ")}. Look them over.`;
}
