/** Step 3: what it comes to before it sends anything, and the last press. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { ArrowLeft, Save } from "lucide-react";
import { useState } from "react";
import { connectionsQuery } from "../../api/queries/connections";
import type { Value } from "../../api/queries/definitions";
import { toYaml } from "../../lib/yaml";
import { Button } from "../../ui/Button";
import { CodeBlock, DiffView, JsonView } from "../../ui/Code";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import type { StepProps } from "./Editor";
import css from "./editor.module.css";
import { changesOf, EnableButton } from "./EnableButton";
import { Estimate } from "./Estimate";
import { FindingList } from "./FindingList";
import { destinationsOf, textAt, typeOf } from "./model";
import { intervalInWords } from "./schedule";

function scheduleInWords(schedule: unknown): string {
  if (typeof schedule !== "object" || schedule === null) return "Only when it is run by hand";
  const { every, cron, timezone, start } = schedule as Value;
  if (typeof cron === "string")
    return `${cron} (${typeof timezone === "string" ? timezone : "UTC"})`;
  const words = typeof every === "string" ? (intervalInWords(every) ?? `Every ${every}.`) : "";
  return typeof start === "string" && start !== "now" ? `${words} From ${start} on.` : words;
}

/** Where its calls go: what it names itself, or what its source is connected with. */
function useDestinations({ state, subject }: StepProps): string[] {
  const connections = useQuery(connectionsQuery).data?.connections ?? [];
  const named = destinationsOf(state.value);
  if (named) return named;
  return connections
    .filter(({ source, of_source: isOfSource }) => source === subject.source && isOfSource)
    .map(({ destination }) => destination);
}

export default function ReviewStep(props: StepProps) {
  const { state, subject, checks, preview, go } = props;
  const { value, name, version } = state;
  const destinations = useDestinations(props);
  const yaml = toYaml({
    [subject.kind === "draft" ? (name ?? "sync") : subject.target.name]: value,
  });
  const isChanged =
    subject.kind === "enabled" && Object.keys(changesOf(subject.target.value, value)).length > 0;
  // A draft beside a sync is there once something was changed.
  const estimated = name ?? (subject.kind === "draft" ? null : subject.target.name);
  const sample = preview.result?.calls?.find((call) => !("rejected" in call));
  return (
    <div className={css.review}>
      <div className="stack">
        {estimated && <Estimate name={estimated} version={version} schedule={value.schedule} />}
        {checks.details.length > 0 && (
          <Notice tone="bad" title="The details need a look">
            {checks.details.map(({ code, field, message, help }) => (
              <p key={`${code} ${field}`}>
                {field && <code>{field}</code>} {message}. {help}
              </p>
            ))}
          </Notice>
        )}
        <SectionCard title="Findings" padded>
          <FindingList checks={checks} isEmpty={false} isNew={false} canFix={false} />
        </SectionCard>
        {subject.kind === "enabled" && (
          <SectionCard title="What changes" text="− is what runs now, + is what you save." padded>
            {isChanged ? (
              <DiffView
                label="What changes"
                before={toYaml(subject.target.value as Value)}
                after={toYaml(value)}
              />
            ) : (
              <p className="muted">Nothing is changed yet.</p>
            )}
          </SectionCard>
        )}
        <SectionCard title="Sample call" padded>
          {sample ? (
            <JsonView value={sample} label="Copy the call" />
          ) : (
            <p className="muted">
              Run the query in the step before, and the first call stands here.
            </p>
          )}
        </SectionCard>
      </div>
      <aside className={css.side} aria-label="Summary">
        <SectionCard title="Summary" padded>
          <KeyValues
            items={[
              ["Source", textAt(value, "source")],
              ["Type", typeOf(value) ?? "Not chosen"],
              ["Frequency", scheduleInWords(value.schedule)],
              ["Destinations", <Destinations key="to" names={destinations} />],
              ["Description", textAt(value, "description") || undefined],
            ]}
          />
        </SectionCard>
        <SectionCard title="As YAML" text="Below syncs in outflow.yaml." padded>
          <CodeBlock text={yaml} label="Copy YAML" />
        </SectionCard>
      </aside>
      <div className={css.foot}>
        <Button icon={ArrowLeft} onClick={() => go({ step: "query" })}>
          Back
        </Button>
        {subject.kind !== "read" && (
          <span className={css.footEnd}>
            <SaveAsDraft {...props} />
            <EnableButton {...props} />
          </span>
        )}
      </div>
    </div>
  );
}

function Destinations({ names }: { names: readonly string[] }) {
  if (names.length === 0) {
    return (
      <>
        None yet: <Link to="/connections">connect the source</Link>
      </>
    );
  }
  return (
    <>
      {names.map((destination, index) => (
        <span key={destination}>
          {index > 0 && ", "}
          <Link to="/destinations/$destination" params={{ destination }}>
            {destination}
          </Link>
        </span>
      ))}
    </>
  );
}

function SaveAsDraft({ draft, subject }: StepProps) {
  const [isPending, setPending] = useState(false);
  const navigate = useNavigate();
  const save = async () => {
    setPending(true);
    const isThere = await draft.flush();
    setPending(false);
    if (!isThere) return;
    if (subject.kind === "enabled") {
      await navigate({ to: "/syncs/$sync", params: { sync: subject.target.name } });
    } else await navigate({ to: "/sources/$source", params: { source: subject.source } });
  };
  return (
    <Button icon={Save} pending={isPending} onClick={() => void save()}>
      Save as draft
    </Button>
  );
}
