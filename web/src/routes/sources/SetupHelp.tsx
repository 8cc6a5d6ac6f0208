/** Beside the form: the account, the network, and what to think of before. */
import { useState } from "react";
import { schemaNames, setupSql } from "../../lib/setup-sql";
import { CodeBlock } from "../../ui/Code";
import { CopyButton } from "../../ui/Copy";
import { TextField } from "../../ui/Field";
import { SectionCard } from "../../ui/Page";
import type { DatabaseForm } from "./database-form";
import css from "./sources.module.css";

interface Props {
  type: "redshift" | "postgres";
  form: Pick<DatabaseForm, "user" | "database" | "port" | "login">;
  /** The address that the database sees us under, once a test has shown it. */
  ownAddress: string | null;
}

export function SetupHelp({ type, form, ownAddress }: Props) {
  const [schemas, setSchemas] = useState("");
  const sql = setupSql({
    kind: type,
    user: form.user.trim() || "outflow_reader",
    database: form.database.trim() || (type === "redshift" ? "dev" : "app"),
    schemas: schemaNames(schemas),
  });
  return (
    <aside className={css.help} aria-label="Help with the database">
      <SectionCard title="1. An account that only reads" padded>
        <div className="stack-tight">
          <p className="muted">
            An administrator of the database runs this. It creates nothing but the account: Outflow
            writes nothing to your database and needs no CREATE anywhere.
          </p>
          <TextField
            label="Schemas it may read"
            name="schemas"
            value={schemas}
            onChange={setSchemas}
            placeholder="public"
            optional
            help="With commas between. Name only what you sync."
          />
          <div className={css.sql}>
            <CodeBlock text={sql} label="Copy SQL" />
          </div>
          <div>
            <CopyButton text={sql} label="Copy SQL" shown />
          </div>
        </div>
      </SectionCard>
      <SectionCard title="2. Let Outflow in" padded>
        <div className="stack-tight">
          {ownAddress ? (
            <p>
              The database sees Outflow at <strong className="mono">{ownAddress}</strong>
              <CopyButton text={ownAddress} label="Copy the address" />. Allow it for TCP, port{" "}
              {form.port ?? "of the database"}.
            </p>
          ) : (
            <p>
              If a firewall or an allow-list is in the way, allow the address of Outflow’s machine.
              A test of the connection shows it here.
            </p>
          )}
          <p className="muted">
            Behind NAT or a proxy the database sees a public address instead. On Outflow’s machine,{" "}
            <code>curl https://checkip.amazonaws.com</code> shows it.
          </p>
        </div>
      </SectionCard>
      <SectionCard title="3. Spare the database" padded>
        <ul className={css.tips}>
          <li>
            <strong>Read from a replica</strong> or a read-only copy if there is one, so that syncs
            never slow down the main database.
          </li>
          <li>
            <strong>Select only the columns you need.</strong> What is not read cannot be sent by
            mistake.
          </li>
          <li>
            <strong>Compare a timestamp with</strong> <code>{"{{last_sync_time}}"}</code> in each
            query: then a run reads what has changed, not everything.
          </li>
          <li>
            <strong>Do not sync more often than needed.</strong> A slot is skipped while the run
            before it goes on; the next one catches up.
          </li>
        </ul>
      </SectionCard>
    </aside>
  );
}
