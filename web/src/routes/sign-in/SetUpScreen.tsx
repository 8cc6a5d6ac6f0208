/**
 * The first administrator. The token is in the link that `outflow serve` has printed, behind the
 * `#`: a browser does not send it to a server with the address. It is taken out of the address.
 */
import { createLazyRoute, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useSetUp } from "../../api/queries/sign-in";
import { Button } from "../../ui/Button";
import { PasswordField, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Frame } from "./Frame";
import css from "./sign-in.module.css";
import { dropFragment, tokenOf } from "./token";

export const Route = createLazyRoute("/setup")({ component: SetUpScreen });

const LEAST = 12;

function SetUpScreen() {
  const [fromLink] = useState(() => tokenOf(window.location.hash));
  const [token, setToken] = useState(fromLink);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [wasSent, setSent] = useState(false);
  const setUp = useSetUp();
  const navigate = useNavigate();

  useEffect(() => {
    if (fromLink) dropFragment();
  }, [fromLink]);

  const isShort = password.length < LEAST;
  const submit = () => {
    setSent(true);
    if (setUp.isPending || isShort || !name.trim() || !token.trim()) return;
    setUp.mutate(
      { token: token.trim(), name: name.trim(), password },
      { onSuccess: () => void navigate({ to: "/" }) },
    );
  };
  return (
    <Frame
      title="Set up Outflow"
      text="Make the first administrator. You can add other people afterwards."
    >
      <Form
        onSubmit={submit}
        error={setUp.error}
        actions={
          <Button type="submit" look="primary" className={css.submit} pending={setUp.isPending}>
            Create administrator
          </Button>
        }
      >
        <PasswordField
          label="Set-up token"
          name="token"
          value={token}
          onChange={setToken}
          autoComplete="off"
          problem={wasSent && !token.trim() && "Copy it from the output of outflow serve."}
          help={
            fromLink
              ? "It came with the link."
              : "outflow serve prints it when it starts without users. It is valid for an hour."
          }
        />
        <TextField
          label="Your name"
          name="name"
          value={name}
          onChange={setName}
          autoComplete="username"
          autoCapitalize="off"
          spellCheck={false}
          autoFocus={fromLink !== ""}
          problem={wasSent && !name.trim() && "Choose a name to sign in with."}
        />
        <PasswordField
          label="Password"
          name="password"
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          help={`${LEAST} characters or more. A sentence is good.`}
          problem={wasSent && isShort && `It has ${password.length} characters so far.`}
        />
      </Form>
      <p className={css.foot}>
        Set up already? <Link to="/login">Sign in</Link>.
      </p>
    </Frame>
  );
}
