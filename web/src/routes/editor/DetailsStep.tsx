/** Step 1: what the sync is called, what its rows become, and when it runs. */
import { useQuery } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { definitionsQuery } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { Button } from "../../ui/Button";
import { RadioCards, TextArea, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { SectionCard } from "../../ui/Page";
import type { StepProps } from "./Editor";
import css from "./editor.module.css";
import { FirstRun } from "./FirstRun";
import { nameProblem, textAt, typeOf } from "./model";
import { ScheduleFields } from "./ScheduleFields";
import { SchedulePreview } from "./SchedulePreview";
import { TypeCards } from "./TypeCards";

/** The names that are taken, without the draft's own. */
function useTaken(own: string | null): ReadonlySet<string> {
  const definitions = useQuery(definitionsQuery).data ?? [];
  return new Set(
    definitions.filter(({ kind, name }) => kind === "sync" && name !== own).map(({ name }) => name),
  );
}

export default function DetailsStep(props: StepProps) {
  const { draft, state, subject, databases, checks, go } = props;
  const { value } = state;
  const isNew = subject.kind === "draft";
  const isRead = subject.kind === "read";
  const [name, setName] = useState(isNew ? (state.name ?? "") : subject.target.name);
  const [isTried, setTried] = useState(false);
  const [isPending, setPending] = useState(false);
  const taken = useTaken(state.name);
  const mayWrite = useMay("project.write");
  const type = typeOf(value);
  const wrongName = isNew ? nameProblem(name.trim(), taken) : null;
  const problemAt = (field: string) =>
    checks.details.find((one) => one.field?.split(".")[0] === field && one.severity === "error");

  const commitName = () => {
    if (isNew && !wrongName && mayWrite && name.trim() !== state.name) draft.name(name.trim());
  };
  const next = async () => {
    setTried(true);
    if (isRead) return go({ step: "query" });
    if (wrongName || !type || isPending || !mayWrite) return;
    setPending(true);
    if (isNew) draft.name(name.trim());
    // A draft beside a sync is made with the first change: there may be none yet.
    const isThere = !isNew && state.name === null ? true : await draft.flush();
    setPending(false);
    if (isThere) go({ step: "query" });
  };
  const failure = state.saving.kind === "failed" && state.name === null && state.saving.error;
  return (
    <div className={css.details}>
      <Form
        onSubmit={() => void next()}
        error={failure || undefined}
        className={css.detailsForm!}
        actions={
          <Button
            type="submit"
            look="primary"
            icon={ArrowRight}
            pending={isPending}
            disabledReason={!isRead && !mayWrite && needsRole("project.write")}
          >
            Next: Define Query
          </Button>
        }
      >
        <SectionCard title="About it" padded>
          <div className={css.fields}>
            <TextField
              label="Name"
              name="name"
              value={name}
              onChange={setName}
              onBlur={commitName}
              readOnly={!isNew}
              autoComplete="off"
              spellCheck={false}
              maxLength={64}
              placeholder="weekly-orders"
              help={
                isNew
                  ? "Letters, digits, - and _. It names the sync on the command line, too."
                  : "A sync that runs keeps its name here."
              }
              problem={
                (isTried || (name !== "" && wrongName !== "A sync needs a name.")) && wrongName
              }
            />
            <TextArea
              label="Description"
              name="description"
              optional
              rows={2}
              value={textAt(value, "description")}
              onChange={(text) =>
                !isRead && draft.change({ description: text.trim() === "" ? undefined : text })
              }
              placeholder="What it sends, and for whom"
            />
            {databases.length > 1 && (
              <RadioCards
                label="Database"
                name="source"
                value={textAt(value, "source")}
                onChange={(source) => !isRead && draft.change({ source })}
                cards={databases.map((one) => ({
                  value: `${one.source}.${one.database}`,
                  title: one.database,
                  text: one.address,
                }))}
                problem={problemAt("source")?.message}
              />
            )}
          </div>
        </SectionCard>
        <SectionCard title="Type" text="What each row becomes. One row is one call." padded>
          <TypeCards
            value={type}
            onChange={(chosen) => !isRead && draft.change({ type: chosen })}
            problem={isTried && !type ? "Choose what each row becomes." : null}
          />
        </SectionCard>
        <SectionCard title="Sync frequency" text="How often the query runs." padded>
          <ScheduleFields
            schedule={value.schedule}
            onChange={(schedule) => !isRead && draft.change({ schedule })}
          />
        </SectionCard>
        <SectionCard title="First run" text="What it reads when it runs for the first time." padded>
          <FirstRun
            value={value.first_run}
            onChange={(first) => !isRead && draft.change({ first_run: first })}
          />
        </SectionCard>
      </Form>
      <aside className={css.side} aria-label="When it runs">
        <SchedulePreview schedule={value.schedule} />
        {state.saving.kind === "failed" && state.name !== null && (
          <p className="muted">{toProblem(state.saving.error).detail}</p>
        )}
      </aside>
    </div>
  );
}
