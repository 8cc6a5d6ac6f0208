/**
 * Changes a definition as text: it shows what differs before it saves, and if somebody else was
 * faster, what they have changed, so that the person decides.
 */
import { useState } from "react";
import { toProblem } from "../../api/problem";
import type { Value } from "../../api/queries/definitions";
import { useReplaceDefinition } from "../../api/queries/versions";
import type { DefinitionDocument } from "../../api/types";
import { parseObject } from "../../lib/json";
import { toYaml } from "../../lib/yaml";
import { Button } from "../../ui/Button";
import { DiffView } from "../../ui/Code";
import { TextArea } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Notice } from "../../ui/Notice";
import { actorName } from "./actor";

interface Props {
  document: DefinitionDocument;
  onDone: () => void;
}

/** The code of a change that was made for another version than the present one. */
const ANOTHER_VERSION = "A027";

export function DefinitionEditor({ document, onDone }: Props) {
  // What was read when the editing began: the document itself may become a newer one meanwhile.
  const [base, setBase] = useState(document);
  const [text, setText] = useState(() => JSON.stringify(document.value, null, 2));
  const [isReviewed, setReviewed] = useState(false);
  const replace = useReplaceDefinition(document.kind, document.name);
  const parsed = parseObject(text);
  const before = toYaml(base.value);
  const after = parsed.value ? toYaml(parsed.value) : before;
  const isSame = before === after;
  const isBehind = document.version !== base.version;
  const isConflict = replace.error && toProblem(replace.error).code === ANOTHER_VERSION;

  const save = () => {
    if (!parsed.value || isSame || isBehind) return;
    if (!isReviewed) return setReviewed(true);
    replace.mutate({ value: parsed.value, version: base.version }, { onSuccess: onDone });
  };
  const takeNewBase = (value: Value | null) => {
    setBase(document);
    if (value) setText(JSON.stringify(value, null, 2));
    setReviewed(false);
    replace.reset();
  };
  return (
    <Form
      onSubmit={save}
      error={isConflict ? null : replace.error}
      actions={
        <>
          <Button
            type="submit"
            look="primary"
            pending={replace.isPending}
            disabledReason={
              parsed.problem ||
              (isSame && "Nothing is changed yet") ||
              (isBehind && "Decide about the other change first")
            }
          >
            {isReviewed ? "Save changes" : "Review changes"}
          </Button>
          {isReviewed && <Button onClick={() => setReviewed(false)}>Back to the text</Button>}
          <Button look="quiet" onClick={onDone}>
            Cancel
          </Button>
        </>
      }
    >
      {isBehind && (
        <Notice
          tone="warn"
          title={`${actorName(document.by)} has changed this meanwhile`}
          live
          actions={
            <>
              <Button small onClick={() => takeNewBase(null)}>
                Keep my text
              </Button>
              <Button small onClick={() => takeNewBase(document.value as Value)}>
                Take theirs
              </Button>
            </>
          }
        >
          <p>
            Their change, from version {base.version} to version {document.version}:
          </p>
          <DiffView before={before} after={toYaml(document.value)} label="Their change" />
        </Notice>
      )}
      {isReviewed ? (
        <div className="stack-tight">
          <h3>What would change</h3>
          <DiffView before={before} after={after} label="What would change" />
        </div>
      ) : (
        <TextArea
          label="Definition as JSON"
          name="value"
          rows={Math.min(28, Math.max(10, text.split("\n").length + 1))}
          mono
          value={text}
          onChange={setText}
          problem={parsed.problem}
          help="Passwords and keys stay references, such as ${secret:NAME}."
        />
      )}
    </Form>
  );
}
