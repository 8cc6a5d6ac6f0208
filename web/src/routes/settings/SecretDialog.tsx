/** Setting a secret: a new one, or a new value for one that is there. */
import { useState } from "react";
import { useKeepSecret } from "../../api/queries/secret-changes";
import type { SecretDocument } from "../../api/types";
import { Button } from "../../ui/Button";
import { CodeBlock } from "../../ui/Code";
import { Dialog } from "../../ui/Dialog";
import { PasswordField, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Notice } from "../../ui/Notice";

interface Props {
  /** The secret that gets a new value; empty: a new one. */
  name: string;
  known: readonly SecretDocument[];
  onClose: () => void;
}

export function SecretDialog({ name: present, known, onClose }: Props) {
  const [name, setName] = useState(present);
  const [value, setValue] = useState("");
  const keep = useKeepSecret();
  const old = known.find((secret) => secret.name === name.trim());
  const done = keep.data;
  return (
    <Dialog
      title={done ? "Secret set" : present ? `New value of ${present}` : "Set secret"}
      isOpen
      onClose={onClose}
      actions={
        done && (
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        )
      }
    >
      {done ? (
        <>
          <Notice tone={done.not_in_force ? "warn" : "good"} title={`${done.name} is set`} live>
            {done.not_in_force && <p>{done.not_in_force}</p>}
            {done.new_key && (
              <p>
                Outflow made a key for it: <code>{done.new_key}</code>. Keep a copy apart from the
                backup of the state.
              </p>
            )}
            <p>
              {done.addresses.length > 0
                ? `It may be sent to ${done.addresses.join(", ")}.`
                : "Nothing uses it yet, so it is sent nowhere. Refer to it in a definition:"}
            </p>
          </Notice>
          <CodeBlock text={`\${secret:${done.name}}`} label="Copy the reference" />
        </>
      ) : (
        <Form
          error={keep.error}
          onSubmit={() => !keep.isPending && keep.mutate({ name: name.trim(), value })}
          actions={
            <>
              <Button
                type="submit"
                look="primary"
                pending={keep.isPending}
                disabledReason={(name.trim() === "" || value === "") && "Name and value are needed"}
              >
                {old ? "Replace value" : "Set secret"}
              </Button>
              <Button onClick={onClose}>Cancel</Button>
            </>
          }
        >
          {!present && (
            <TextField
              label="Name"
              name="name"
              mono
              help="Letters, digits and _: JOURNEYS_WRITE_KEY."
              value={name}
              onChange={setName}
              autoComplete="off"
              autoCapitalize="off"
              spellCheck={false}
            />
          )}
          {old && (
            <Notice tone="warn" title={`${old.name} has a value`}>
              The new value replaces it, and holds at once for{" "}
              {old.used_by.join(", ") || "what refers to it later"}.
            </Notice>
          )}
          <PasswordField
            label="Value"
            name="value"
            value={value}
            onChange={setValue}
            autoComplete="new-password"
          />
        </Form>
      )}
    </Dialog>
  );
}
