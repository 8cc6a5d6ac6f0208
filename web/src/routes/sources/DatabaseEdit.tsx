/** The form of a database that is there: review, save, test, and undo if it does not work. */
import { useState } from "react";
import { Undo2 } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import type { Value } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { useRestoreVersion } from "../../api/queries/versions";
import type { DefinitionDocument } from "../../api/types";
import { toYaml } from "../../lib/yaml";
import { Button, LinkButton } from "../../ui/Button";
import { DiffView } from "../../ui/Code";
import { TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { actorName } from "../definition/actor";
import { ConnectionTest } from "./ConnectionTest";
import { formOf, problemsOf, type SourceType } from "./database-form";
import { DatabaseFields } from "./DatabaseFields";
import { SetupHelp } from "./SetupHelp";
import css from "./sources.module.css";
import { planOf, useSaveDatabase, type Place } from "./use-save-database";
import { ownAddress, useSourceTest } from "./use-source-test";

interface Props {
  document: DefinitionDocument;
  database: string;
  /** The change was taken back: the version that came of it. */
  onUndone: (version: number) => void;
}

export function DatabaseEdit({ document, database, onUndone }: Props) {
  // What was read when the editing began; the save names its version.
  const [base] = useState(document);
  const source = base.name;
  const type = (base.value as Value).type as SourceType;
  const before = ((base.value as Value).databases as Value)[database];
  const [form, setForm] = useState(() => formOf(type, database, before));
  const [step, setStep] = useState<"form" | "review">("form");
  const [isTried, setTried] = useState(false);
  const { save, secretFor, saved, error, isPending } = useSaveDatabase();
  const { test, run, cancel } = useSourceTest();
  const [mayWrite, mayTest] = [useMay("project.write"), useMay("sources.query")];

  const place: Place = { type, source, database, present: base };
  const problems = problemsOf(type, form, []);
  const secret = secretFor(place);
  const plan = planOf(place, form, secret);
  const present = saved?.document.value ?? base.value;
  const [was, willBe] = [toYaml(present), toYaml(plan.value)];
  const isSame = was === willBe && !(plan.isTyped && form.password !== "");
  const isBehind = document.version > (saved?.document.version ?? base.version);
  const path = `databases.${database}`;

  const submit = async () => {
    setTried(true);
    if (Object.keys(problems).length > 0 || isSame || isPending || !mayWrite) return;
    if (step === "form") return setStep("review");
    const made = await save(place, form);
    setStep("form");
    if (made && mayTest) await run(`${source}.${database}`);
  };
  return (
    <div className={css.split}>
      <div className={css.main}>
        {isBehind && !isPending && (
          <Notice tone="warn" title={`${actorName(document.by)} has changed ${source} meanwhile`}>
            Saving is refused. Open this page again to begin with their version.
          </Notice>
        )}
        {saved && test.state === "ended" && (
          <Outcome saved={saved.document} base={base} isOk={test.ok === true} onUndone={onUndone} />
        )}
        <SectionCard title={step === "review" ? "Review changes" : "Database"} padded>
          <Form
            onSubmit={() => void submit()}
            error={error}
            actions={
              <>
                <Button
                  type="submit"
                  look="primary"
                  pending={isPending}
                  disabledReason={
                    (!mayWrite && needsRole("project.write")) ||
                    (isSame && "Nothing is changed yet")
                  }
                >
                  {step === "review" ? "Save database" : "Review changes"}
                </Button>
                {step === "review" ? (
                  <Button onClick={() => setStep("form")}>Back</Button>
                ) : (
                  <LinkButton to="/sources/$source/databases" params={{ source }} look="quiet">
                    Back
                  </LinkButton>
                )}
              </>
            }
          >
            {step === "review" ? (
              <>
                {was === willBe ? (
                  <p>
                    The definition stays as it is. The secret <code>{secret}</code> gets another
                    value.
                  </p>
                ) : (
                  <DiffView before={was} after={willBe} label="What would change" />
                )}
                {plan.isTyped && was !== willBe && (
                  <p>
                    The password is kept as the secret <code>{secret}</code>.
                  </p>
                )}
                <p className="muted">
                  Saving takes effect at once. The connection is tested right after, and can be put
                  back to version {saved?.document.version ?? base.version}.
                </p>
              </>
            ) : type === "sqlite" ? (
              <TextField
                label="File"
                name={`${path}.path`}
                value={form.path}
                onChange={(value) => setForm({ ...form, path: value })}
                problem={isTried && problems.path}
                mono
              />
            ) : (
              <DatabaseFields
                type={type}
                form={form}
                onChange={setForm}
                problems={isTried ? problems : {}}
                path={path}
                secret={secret}
              />
            )}
          </Form>
        </SectionCard>
        {test.state !== "idle" && (
          <SectionCard title="Test connection">
            <ConnectionTest test={test} type={type} onCancel={cancel} />
          </SectionCard>
        )}
      </div>
      {type !== "sqlite" && <SetupHelp type={type} form={form} ownAddress={ownAddress(test)} />}
    </div>
  );
}

interface OutcomeProps {
  saved: DefinitionDocument;
  base: DefinitionDocument;
  isOk: boolean;
  onUndone: (version: number) => void;
}

function Outcome({ saved, base, isOk, onUndone }: OutcomeProps) {
  const restore = useRestoreVersion("source", base.name);
  return (
    <Notice
      tone={isOk ? "good" : "warn"}
      title={
        isOk
          ? `Saved as version ${saved.version}`
          : `Saved as version ${saved.version}, but it does not work`
      }
      live
      actions={
        <>
          <LinkButton to="/sources/$source/databases" params={{ source: base.name }} small>
            {isOk ? "Done" : "Save anyway"}
          </LinkButton>
          {saved.version !== base.version && (
            <Button
              small
              icon={Undo2}
              pending={restore.isPending}
              onClick={() =>
                restore.mutate(
                  { version: base.version, present: saved.version },
                  { onSuccess: ({ version }) => onUndone(version) },
                )
              }
            >
              Undo: back to version {base.version}
            </Button>
          )}
        </>
      }
    >
      {restore.error && <p>It could not be undone: {toProblem(restore.error).detail}</p>}
      {isOk
        ? "The connection works. Syncs read it from now on."
        : "Syncs of this database fail until it can be reached. What is wrong stands below."}
    </Notice>
  );
}
