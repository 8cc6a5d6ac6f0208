/** Making a token: what it may do, when it ends, and its secret, this once. */
import { useState } from "react";
import type { Permission } from "../../api/permissions";
import { useMakeToken } from "../../api/queries/token-changes";
import type { Role } from "../../api/types";
import { Button } from "../../ui/Button";
import { CodeBlock } from "../../ui/Code";
import { Dialog } from "../../ui/Dialog";
import { Checkbox, RadioCards, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Select } from "../../ui/Select";
import { ShownOnce } from "../../ui/ShownOnce";
import { roleCards } from "./members";
import { permissionGroups, permissionWords } from "./permission-words";
import css from "./settings.module.css";

const DAY = 86_400;
const ends = [
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "never", label: "Never", hint: "It holds until it is revoked" },
] as const;

type End = (typeof ends)[number]["value"];

const scopes = [
  ...roleCards,
  { value: "single", title: "Single permissions", text: "Only what you choose below." },
] as const;

type Scope = Role | "single";

export function NewTokenDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Scope>("member");
  const [chosen, setChosen] = useState<readonly Permission[]>([]);
  const [end, setEnd] = useState<End>("90");
  const make = useMakeToken();
  const toggle = (permission: Permission, isOn: boolean) =>
    setChosen((before) =>
      isOn ? [...before, permission] : before.filter((other) => other !== permission),
    );
  const save = () => {
    if (make.isPending) return;
    make.mutate({
      name: name.trim(),
      ...(scope === "single" ? { permissions: [...chosen] } : { role: scope }),
      expires_after: end === "never" ? null : Number(end) * DAY,
    });
  };
  if (make.data) {
    return (
      <Dialog
        title="Token created"
        isOpen
        onClose={onClose}
        dismissable={false}
        actions={
          <Button look="primary" onClick={onClose}>
            I have copied it
          </Button>
        }
      >
        <ShownOnce
          title={`The token ${make.data.name}`}
          secret={make.data.secret}
          label="Copy the token"
        >
          <p className="muted">Try it:</p>
          <CodeBlock
            label="Copy the command"
            text={`curl --header "Authorization: Bearer $TOKEN" ${window.location.origin}/api/v1/status`}
          />
        </ShownOnce>
      </Dialog>
    );
  }
  return (
    <Dialog title="Create token" isOpen onClose={onClose} wide>
      <Form
        error={make.error}
        onSubmit={save}
        actions={
          <>
            <Button
              type="submit"
              look="primary"
              pending={make.isPending}
              disabledReason={
                scope === "single" && chosen.length === 0 && "Choose a permission first"
              }
            >
              Create token
            </Button>
            <Button onClick={onClose}>Cancel</Button>
          </>
        }
      >
        <TextField
          label="Name"
          name="name"
          help="What uses it: nightly-export, airflow."
          value={name}
          onChange={setName}
          autoComplete="off"
        />
        <RadioCards
          label="What it may do"
          name="role"
          value={scope}
          onChange={setScope}
          cards={scopes}
        />
        {scope === "single" &&
          permissionGroups.map((group) => (
            <fieldset key={group.name} className={css.group}>
              <legend>{group.name}</legend>
              <div className={css.choices}>
                {group.permissions
                  .filter((permission) => permission !== "account.own")
                  .map((permission) => (
                    <Checkbox
                      key={permission}
                      label={permission}
                      name={`permissions.${permission}`}
                      help={permissionWords[permission]}
                      checked={chosen.includes(permission)}
                      onChange={(isOn) => toggle(permission, isOn)}
                    />
                  ))}
              </div>
            </fieldset>
          ))}
        <Select label="Expires" name="expires_after" options={ends} value={end} onChange={setEnd} />
      </Form>
    </Dialog>
  );
}
