/** What is done with a member: adding one, their role, their password, their sessions. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import {
  memberSessionsQuery,
  useAddMember,
  useChangeMember,
  useEndMemberSessions,
  useResetPassword,
} from "../../api/queries/members";
import type { Role, UserEntry } from "../../api/types";
import { browserName } from "../../lib/browser";
import { counted } from "../../lib/number";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Failure";
import { Checkbox, PasswordField, RadioCards, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { ShownOnce } from "../../ui/ShownOnce";
import { Time } from "../../ui/values";
import { roleCards } from "./members";

interface Closable {
  onClose: () => void;
}

function RoleField({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  return (
    <RadioCards
      label="Role"
      name="role"
      value={value}
      onChange={onChange}
      cards={roleCards}
      help={<Link to="/settings/roles">What each role may do</Link>}
    />
  );
}

interface PasswordChoiceProps {
  isMade: boolean;
  onMade: (made: boolean) => void;
  password: string;
  onPassword: (password: string) => void;
}

function PasswordChoice({ isMade, onMade, password, onPassword }: PasswordChoiceProps) {
  return (
    <>
      <Checkbox
        label="Outflow makes a password"
        name="made"
        help="It is shown once; they can change it after they sign in."
        checked={isMade}
        onChange={onMade}
      />
      {!isMade && (
        <PasswordField
          label="Password"
          name="password"
          value={password}
          onChange={onPassword}
          autoComplete="new-password"
        />
      )}
    </>
  );
}

export function AddMemberDialog({ onClose }: Closable) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("member");
  const [isMade, setMade] = useState(true);
  const [password, setPassword] = useState("");
  const add = useAddMember();
  const made = add.data;
  if (made) {
    return (
      <Dialog
        title="Member added"
        isOpen
        onClose={onClose}
        dismissable={!made.password}
        actions={
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        }
      >
        {made.password ? (
          <ShownOnce
            title={`The password of ${made.name}`}
            secret={made.password}
            label="Copy the password"
          />
        ) : (
          <Notice tone="good" title={`${made.name} can sign in`} live />
        )}
      </Dialog>
    );
  }
  return (
    <Dialog title="Add member" isOpen onClose={onClose}>
      <Form
        error={add.error}
        onSubmit={() =>
          !add.isPending && add.mutate({ name: name.trim(), role, ...(isMade ? {} : { password }) })
        }
        actions={
          <>
            <Button type="submit" look="primary" pending={add.isPending}>
              Add member
            </Button>
            <Button onClick={onClose}>Cancel</Button>
          </>
        }
      >
        <TextField
          label="Name"
          name="name"
          help="They sign in with it. It cannot be changed later."
          value={name}
          onChange={setName}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
        />
        <RoleField value={role} onChange={setRole} />
        <PasswordChoice
          isMade={isMade}
          onMade={setMade}
          password={password}
          onPassword={setPassword}
        />
      </Form>
    </Dialog>
  );
}

export function RoleDialog({ user, onClose }: Closable & { user: UserEntry }) {
  const [role, setRole] = useState<Role>(user.role);
  const change = useChangeMember();
  return (
    <Dialog title={`Role of ${user.name}`} isOpen onClose={onClose}>
      <Form
        error={change.error}
        onSubmit={() => change.mutate({ user: user.name, role }, { onSuccess: onClose })}
        actions={
          <>
            <Button
              type="submit"
              look="primary"
              pending={change.isPending}
              disabledReason={role === user.role && "This is their role already"}
            >
              Change role
            </Button>
            <Button onClick={onClose}>Cancel</Button>
          </>
        }
      >
        <RoleField value={role} onChange={setRole} />
      </Form>
    </Dialog>
  );
}

export function PasswordDialog({
  user,
  isMe,
  onClose,
}: Closable & { user: UserEntry; isMe: boolean }) {
  const [isMade, setMade] = useState(true);
  const [password, setPassword] = useState("");
  const reset = useResetPassword();
  const made = reset.data;
  return (
    <Dialog
      title={`Password of ${user.name}`}
      isOpen
      onClose={onClose}
      dismissable={!made?.password}
      actions={
        made && (
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        )
      }
    >
      {made ? (
        made.password ? (
          <ShownOnce
            title={`The new password of ${user.name}`}
            secret={made.password}
            label="Copy the password"
          />
        ) : (
          <Notice tone="good" title={`${user.name} has the new password`} live />
        )
      ) : (
        <Form
          error={reset.error}
          onSubmit={() => reset.mutate({ user: user.name, ...(isMade ? {} : { password }) })}
          actions={
            <>
              <Button type="submit" look="primary" pending={reset.isPending}>
                Reset password
              </Button>
              <Button onClick={onClose}>Cancel</Button>
            </>
          }
        >
          <p className="muted">
            {isMe
              ? "The old password holds no more, and you are signed out everywhere."
              : "The old password holds no more, and they are signed out everywhere."}
          </p>
          <PasswordChoice
            isMade={isMade}
            onMade={setMade}
            password={password}
            onPassword={setPassword}
          />
        </Form>
      )}
    </Dialog>
  );
}

export function SessionsDialog({ user, onClose }: Closable & { user: UserEntry }) {
  const query = useQuery(memberSessionsQuery(user.name));
  const end = useEndMemberSessions();
  const isEmpty = query.data?.length === 0;
  return (
    <Dialog
      title={`Sessions of ${user.name}`}
      isOpen
      onClose={onClose}
      wide
      actions={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button
            look="danger"
            pending={end.isPending}
            disabledReason={isEmpty && "They are not signed in"}
            onClick={() => end.mutate(user.name)}
          >
            End all sessions
          </Button>
        </>
      }
    >
      <Failure error={end.error} what="The sessions were not ended" />
      {end.data && (
        <Notice tone="good" title={`${counted(end.data.ended, "session")} ended`} live />
      )}
      <Loaded query={query} permission="users.write">
        {(sessions) => (
          <DataTable
            label={`Sessions of ${user.name}`}
            noun="session"
            rows={sessions}
            rowKey={({ id }) => id}
            columns={[
              {
                id: "agent",
                header: "Browser",
                cell: ({ agent }) => (
                  <span data-tip={agent ?? undefined}>{browserName(agent)}</span>
                ),
              },
              {
                id: "address",
                header: "Address",
                cell: ({ address }) => <code>{address ?? "–"}</code>,
              },
              { id: "used", header: "Last used", cell: (one) => <Time at={one.last_used_at} /> },
              { id: "ends", header: "Ends", cell: (one) => <Time at={one.expires_at} /> },
            ]}
            empty={<p className="muted">{user.name} is not signed in anywhere.</p>}
          />
        )}
      </Loaded>
    </Dialog>
  );
}
