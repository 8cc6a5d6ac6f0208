/** The name and the password. Used on the sign-in screen, and over the page when a session ends. */
import { useState } from "react";
import { useSignIn } from "../../api/queries/sign-in";
import { Button } from "../../ui/Button";
import { PasswordField, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import css from "./sign-in.module.css";

interface Props {
  /** The name that is filled in. */
  name?: string;
  onDone?: () => void;
}

export function SignInForm({ name: known = "", onDone }: Props) {
  const [name, setName] = useState(known);
  const [password, setPassword] = useState("");
  const signIn = useSignIn();
  const submit = () => {
    if (signIn.isPending) return;
    signIn.mutate({ name: name.trim(), password }, { onSuccess: () => onDone?.() });
  };
  return (
    <Form
      onSubmit={submit}
      error={signIn.error}
      actions={
        <Button type="submit" look="primary" className={css.submit} pending={signIn.isPending}>
          Sign in
        </Button>
      }
    >
      <TextField
        label="Name"
        name="name"
        value={name}
        onChange={setName}
        autoComplete="username"
        autoCapitalize="off"
        spellCheck={false}
        autoFocus={known === ""}
      />
      <PasswordField
        label="Password"
        name="password"
        value={password}
        onChange={setPassword}
        autoComplete="current-password"
        autoFocus={known !== ""}
      />
    </Form>
  );
}
