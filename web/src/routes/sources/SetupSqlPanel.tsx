/** The SQL for the account of a database, as the server makes it. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { setupSqlQuery } from "../../api/queries/sources";
import { CodeBlock } from "../../ui/Code";
import { CopyButton } from "../../ui/Copy";
import { Checkbox, TextField } from "../../ui/Field";
import { Loaded } from "../../ui/Loaded";

export function SetupSqlPanel({ target }: { target: string }) {
  const [schemas, setSchemas] = useState("");
  const [revoke, setRevoke] = useState(false);
  const names = schemas.trim().replace(/,\s*$/, "");
  const query = useQuery({
    ...setupSqlQuery(target, {
      ...(names ? { schemas: names } : {}),
      ...(revoke ? { revoke_public: true } : {}),
    }),
    placeholderData: keepPreviousData,
  });
  const command = `outflow source setup-sql ${target}${names ? ` --schemas ${names}` : ""}`;
  return (
    <div className="stack-tight">
      <p className="muted">An administrator of the database runs this once.</p>
      <TextField
        label="Schemas it may read"
        name="schemas"
        value={schemas}
        onChange={setSchemas}
        placeholder="public"
        optional
        help="With commas between."
      />
      <Checkbox
        label="Also take from everybody the right to create tables"
        name="revoke_public"
        checked={revoke}
        onChange={setRevoke}
        help="The account has it as one of everybody. Read the two statements first: others may rely on it."
      />
      <Loaded query={query} permission="project.read">
        {({ sql }) => (
          <>
            <CodeBlock text={sql} label="Copy SQL" />
            <div className="row">
              <CopyButton text={sql} label="Copy SQL" shown />
              <CopyButton text={command} label="Copy the command" shown />
            </div>
          </>
        )}
      </Loaded>
    </div>
  );
}
