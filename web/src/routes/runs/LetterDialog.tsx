/** A dead letter in full: what was sent, and what the destination answered. */
import { RotateCw } from "lucide-react";
import type { DeadLetter } from "../../api/types";
import { Button } from "../../ui/Button";
import { CodeBlock, JsonView } from "../../ui/Code";
import { Dialog } from "../../ui/Dialog";
import { KeyValues } from "../../ui/Page";
import { Time } from "../../ui/values";

interface Props {
  letter: DeadLetter;
  onClose: () => void;
  onReplay: () => void;
}

/** An answer that is JSON is shown as such. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

export function LetterDialog({ letter, onClose, onReplay }: Props) {
  const answer = parsed(letter.reason);
  return (
    <Dialog
      title={`Row ${letter.ordinal + 1}, refused by ${letter.destination}`}
      isOpen
      wide
      onClose={onClose}
      actions={
        <Button
          icon={RotateCw}
          onClick={() => {
            onClose();
            onReplay();
          }}
        >
          Replay calls of this cause
        </Button>
      }
    >
      <KeyValues
        items={[
          ["Code", <code key="code">{letter.code}</code>],
          ["Status", letter.status ?? "it was refused before it was sent"],
          ["When", <Time key="at" at={letter.at} as="absolute" />],
          ["Message id", <code key="id">{letter.message_id}</code>],
        ]}
      />
      <h3>What the destination answered</h3>
      {answer === undefined ? (
        <CodeBlock text={letter.reason} label="Copy answer" />
      ) : (
        <JsonView value={answer} label="Copy answer" />
      )}
      <h3>The call that was sent</h3>
      {letter.call == null ? (
        <p className="muted">The call is not kept any more.</p>
      ) : (
        <JsonView value={letter.call} label="Copy call" />
      )}
    </Dialog>
  );
}
