/** Changing one's own password. It ends all other sessions. */
import { useState } from "react";
import { useChangePassword } from "../../api/queries/sign-in";
import { Button } from "../../ui/Button";
import { PasswordField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";

const LEAST = 12;

export function PasswordCard() {
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const [wasSent, setSent] = useState(false);
  const change = useChangePassword();
  const isShort = next.length < LEAST;
  const submit = () => {
    setSent(true);
    if (change.isPending || isShort || !old) return;
    change.mutate(
      { old, new: next },
      {
        onSuccess: () => {
          setOld("");
          setNext("");
          setSent(false);
        },
      },
    );
  };
  return (
    <SectionCard title="Password" padded>
      <Form
        onSubmit={submit}
        error={change.error}
        actions={
          <Button type="submit" pending={change.isPending}>
            Change password
          </Button>
        }
      >
        {change.isSuccess && (
          <Notice tone="good" title="The password is changed" live onDismiss={change.reset}>
            Your other sessions have ended.
          </Notice>
        )}
        <PasswordField
          label="Present password"
          name="old"
          value={old}
          onChange={setOld}
          autoComplete="current-password"
          problem={wasSent && !old && "Type your present password."}
        />
        <PasswordField
          label="New password"
          name="new"
          value={next}
          onChange={setNext}
          autoComplete="new-password"
          help={`${LEAST} characters or more. A sentence is good.`}
          problem={wasSent && isShort && `It has ${next.length} characters so far.`}
        />
      </Form>
    </SectionCard>
  );
}
