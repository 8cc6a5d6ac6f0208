/** Adding a receiver of alerts: a webhook, or people by e-mail. Secrets are kept by Outflow. */
import { useState } from "react";
import { usePutSetting } from "../../api/queries/project";
import { keepSecret } from "../../api/queries/secret-changes";
import type { DefinitionDocument } from "../../api/types";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { PasswordField, RadioCards, TextArea, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { newSigningKey, receiverOf, withReceiver, type Typed } from "./receiver";

interface Props {
  definition: DefinitionDocument | undefined;
  onClose: () => void;
}

export function ReceiverDialog({ definition, onClose }: Props) {
  const [typed, setTyped] = useState<Typed>(() => ({
    kind: "webhook",
    url: "",
    secret: newSigningKey(),
    server: "",
    user: "",
    password: "",
    from: "",
    to: "",
  }));
  const [error, setError] = useState<unknown>(null);
  const [isPending, setPending] = useState(false);
  const put = usePutSetting("alerts");
  const set = (change: Partial<Typed>) => setTyped((before) => ({ ...before, ...change }));

  const save = async () => {
    if (isPending) return;
    setPending(true);
    setError(null);
    const { receiver, secrets } = receiverOf(typed, Date.now());
    const value = withReceiver(definition?.value, receiver);
    try {
      for (const { name, secret } of secrets) {
        const uses = [{ kind: "setting" as const, name: "alerts", value }];
        await keepSecret(name, { value: secret, uses });
      }
      const etag = definition ? `"${definition.version}"` : null;
      await put.mutateAsync({ value, etag });
      onClose();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setPending(false);
    }
  };
  return (
    <Dialog title="Add receiver" isOpen onClose={onClose}>
      <Form
        error={error}
        onSubmit={() => void save()}
        actions={
          <>
            <Button type="submit" look="primary" pending={isPending}>
              Add receiver
            </Button>
            <Button onClick={onClose}>Cancel</Button>
          </>
        }
      >
        <RadioCards
          label="Kind"
          name="kind"
          value={typed.kind}
          onChange={(kind) => set({ kind })}
          cards={[
            { value: "webhook", title: "Webhook", text: "A signed POST to an address of yours." },
            { value: "email", title: "E-mail", text: "Through a mail server of yours." },
          ]}
        />
        {typed.kind === "webhook" ? (
          <>
            <TextField
              label="URL"
              name="url"
              type="url"
              value={typed.url}
              onChange={(url) => set({ url })}
            />
            <PasswordField
              label="Signing key"
              name="secret"
              help="Outflow has made one. Your receiver checks the signature (Standard Webhooks) with it: copy it there."
              value={typed.secret}
              onChange={(secret) => set({ secret })}
              autoComplete="off"
            />
          </>
        ) : (
          <>
            <TextField
              label="Mail server"
              name="server"
              placeholder="smtp.example.com"
              value={typed.server}
              onChange={(server) => set({ server })}
            />
            <TextField
              label="Sender"
              name="from"
              type="email"
              value={typed.from}
              onChange={(from) => set({ from })}
            />
            <TextArea
              label="Recipients"
              name="to"
              rows={2}
              help="An address a line."
              value={typed.to}
              onChange={(to) => set({ to })}
            />
            <TextField
              label="User"
              name="user"
              optional
              value={typed.user}
              onChange={(user) => set({ user })}
              autoComplete="off"
            />
            <PasswordField
              label="Password"
              name="password"
              optional
              value={typed.password}
              onChange={(password) => set({ password })}
              autoComplete="new-password"
            />
          </>
        )}
      </Form>
    </Dialog>
  );
}
