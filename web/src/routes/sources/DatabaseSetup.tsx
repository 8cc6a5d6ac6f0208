/**
 * Setting up a database: the form, the test, saving. The server tests what it has, so testing saves
 * the database first; what fails is kept only if the person says so.
 */
import { useState, type ReactNode } from "react";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import type { DefinitionDocument } from "../../api/types";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { ConnectionTest } from "./ConnectionTest";
import { problemsOf, type DatabaseForm, type SourceType } from "./database-form";
import { DatabaseFields } from "./DatabaseFields";
import { SetupHelp } from "./SetupHelp";
import css from "./sources.module.css";
import { useDraft } from "./use-draft";
import { useSaveDatabase, type Place, type Saved } from "./use-save-database";
import { ownAddress, useSourceTest } from "./use-source-test";

interface Props {
  type: SourceType;
  /** The source that gets another database; null: the source is made, too. */
  present: DefinitionDocument | null;
  /** Names that are in use. */
  taken: readonly string[];
  onDone: (saved: Saved) => void;
  cancel: ReactNode;
}

export function DatabaseSetup({ type, present, taken, onDone, cancel }: Props) {
  const [form, setForm, forget] = useDraft(type, present?.name ?? null);
  const [isTried, setTried] = useState(false);
  const { save, takeBack, secretFor, saved, error, isPending } = useSaveDatabase();
  const { test, run, cancel: stop } = useSourceTest();
  const [mayWrite, mayTest] = [useMay("project.write"), useMay("sources.query")];

  const source = present?.name ?? form.name;
  const database = present ? form.name : "main";
  const place: Place = { type, source, database, present };
  const own = saved && (present ? saved.place.database : saved.place.source);
  const problems = problemsOf(
    type,
    form,
    taken.filter((name) => name !== own),
  );
  const shown = isTried ? problems : {};
  const hasFailed = test.state === "ended" && test.ok === false;
  const isRunning = test.state === "running";

  const change = (next: DatabaseForm) => {
    setForm(next);
    // What was found concerns what was there before.
    if (test.state !== "idle") stop();
  };
  const saveAndTest = async (): Promise<Saved | null> => {
    setTried(true);
    if (Object.keys(problems).length > 0 || isPending || isRunning || !mayWrite) return null;
    const made = await save(place, form);
    if (!made) return null;
    if (!mayTest) return made;
    return (await run(`${source}.${database}`)) ? made : null;
  };
  const done = (made: Saved) => {
    forget();
    onDone(made);
  };
  const saveAll = async () => {
    const isTested = saved && test.state === "ended" && test.ok;
    const made = isTested ? saved : await saveAndTest();
    if (made) done(made);
  };
  const why = !mayWrite && needsRole("project.write");

  return (
    <div className={css.split}>
      <div className={css.main}>
        <SectionCard title="Database" padded>
          <Form
            onSubmit={() => void saveAll()}
            error={error}
            actions={
              <>
                <Button
                  pending={isRunning || isPending}
                  disabledReason={why || (!mayTest && needsRole("sources.query"))}
                  onClick={() => void saveAndTest()}
                >
                  Test connection
                </Button>
                <Button
                  type="submit"
                  look="primary"
                  pending={isPending}
                  disabledReason={why || (isRunning && "Wait for the test to end")}
                >
                  Save database
                </Button>
                {cancel}
              </>
            }
          >
            <TextField
              label="Name"
              name="name"
              value={form.name}
              onChange={(name) => change({ ...form, name: name.trim() })}
              problem={shown.name}
              placeholder={present ? "replica" : "warehouse"}
              help={
                present
                  ? `What you recognize the database by within ${present.name}.`
                  : "A friendly name that you recognize it by. Syncs refer to it."
              }
              autoComplete="off"
              spellCheck={false}
            />
            {type === "sqlite" ? (
              <TextField
                label="File"
                name={`databases.${database}.path`}
                value={form.path}
                onChange={(path) => change({ ...form, path })}
                problem={shown.path}
                mono
                placeholder="shop.db"
                help={
                  <>
                    On the server’s machine. The operator has to allow <code>paths</code>.
                  </>
                }
              />
            ) : (
              <DatabaseFields
                type={type}
                form={form}
                onChange={change}
                problems={shown}
                path={`databases.${database}`}
                secret={secretFor(place)}
              />
            )}
            <p className="muted">
              The server tests what is saved: Test connection saves it, too. Nothing is read until
              there is a sync.
            </p>
          </Form>
        </SectionCard>
        {test.state !== "idle" && (
          <SectionCard title="Test connection">
            <ConnectionTest test={test} type={type} onCancel={stop} />
          </SectionCard>
        )}
        {saved && hasFailed && (
          <Notice
            tone="warn"
            title={`${own} did not pass the test`}
            actions={
              <>
                <Button onClick={() => done(saved)}>Save anyway</Button>
                <Button pending={isPending} onClick={() => void takeBack().then(stop)}>
                  Remove it
                </Button>
              </>
            }
          >
            The server has it only because it was tested. Correct the fields and press Save database
            again, keep it as it is, or remove it. Syncs of a database that cannot be reached fail
            until it can.
          </Notice>
        )}
      </div>
      {type !== "sqlite" && <SetupHelp type={type} form={form} ownAddress={ownAddress(test)} />}
    </div>
  );
}
