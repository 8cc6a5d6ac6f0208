/** How Outflow logs in: a typed password, which becomes a secret, or a secret that is there. */
import { useQuery } from "@tanstack/react-query";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { secretsQuery } from "../../api/queries/secrets";
import { PasswordField, TextField } from "../../ui/Field";
import { Choice } from "../../ui/ListTools";
import { Notice } from "../../ui/Notice";
import { Select } from "../../ui/Select";
import type { DatabaseForm, Login, Problems } from "./database-form";
import css from "./sources.module.css";

export interface PartProps {
  type: "redshift" | "postgres";
  form: DatabaseForm;
  set: (change: Partial<DatabaseForm>) => void;
  problems: Problems;
  path: string;
}

export function LoginFields(props: PartProps & { secret: string }) {
  const { form, set, problems, path, secret } = props;
  const mayKeep = useMay("secrets.write");
  if (form.login === "iam") {
    return (
      <Notice title="AWS makes user and password">
        Outflow asks AWS for a password that is good for 15 minutes, with the identity of its own
        machine. The settings are under More.
      </Notice>
    );
  }
  return (
    <>
      <TextField
        label="User"
        name={`${path}.user`}
        value={form.user}
        onChange={(user) => set({ user })}
        problem={problems.user}
        placeholder="outflow_reader"
        help="An account that only reads. The SQL for one is on this page."
        autoComplete="off"
        spellCheck={false}
      />
      <div className={css.login}>
        <Choice<Login>
          label="Where the password comes from"
          value={form.login}
          options={[
            { value: "password", name: "Typed password" },
            { value: "reference", name: "Stored secret" },
          ]}
          onChange={(login) => set({ login: login ?? "password" })}
        />
        {form.login === "password" ? (
          <PasswordField
            label="Password"
            name={`${path}.password`}
            value={form.password}
            onChange={(password) => set({ password })}
            problem={
              problems.password ??
              (!mayKeep &&
                `Keeping a password is not allowed to you. ${needsRole("secrets.write")} Use a stored secret.`)
            }
            help={
              <>
                It is kept encrypted as the secret <code>{secret}</code>, may be sent to this
                address alone, and is never shown again. The definition refers to it.
              </>
            }
            autoComplete="new-password"
          />
        ) : (
          <SecretSelect {...props} />
        )}
      </div>
    </>
  );
}

function SecretSelect({ form, set, problems, path }: PartProps) {
  const mayList = useMay("secrets.list");
  const secrets = useQuery({ ...secretsQuery, enabled: mayList }).data ?? [];
  const options = secrets.map(({ name, used_by: by }) => ({
    value: `\${secret:${name}}`,
    label: name,
    hint: by.length > 0 ? `used by ${by.join(", ")}` : "used by nothing yet",
  }));
  const isOther = form.reference && !options.some(({ value }) => value === form.reference);
  if (isOther)
    options.unshift({ value: form.reference!, label: form.reference!, hint: "as it is" });
  return (
    <Select
      label="Secret"
      name={`${path}.password`}
      value={form.reference}
      onChange={(reference) => set({ reference })}
      options={options}
      problem={problems.reference}
      placeholder={options.length > 0 ? "Choose a secret…" : "There is no secret yet"}
      help="A secret may be sent only to the addresses that it was set for. To use one for a new address, type the password instead."
    />
  );
}
