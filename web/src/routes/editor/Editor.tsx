/** The frame of the three steps: title, steps, how it is saved, conflicts, and what all steps know. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useMemo, type ReactNode } from "react";
import { draftProblemsQuery, type DraftProblem } from "../../api/queries/drafts";
import { sourcesQuery } from "../../api/queries/sources";
import type { DatabaseDocument } from "../../api/types";
import { ManagedNotice } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Skeleton } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Conflict } from "./Conflict";
import type { Draft, DraftState } from "./draft";
import css from "./editor.module.css";
import { findingsOf, type Finding } from "./findings";
import { databaseOf, draftBeside, isOfDetails, textAt, type Subject } from "./model";
import { steps, type Step, type View } from "./routes";
import { SaveState } from "./SaveState";
import { StepLinks } from "./StepLinks";
import { usePreview, type PreviewControl } from "./use-preview";

const DetailsStep = lazy(() => import("./DetailsStep"));
const QueryStep = lazy(() => import("./QueryStep"));
const ReviewStep = lazy(() => import("./ReviewStep"));

interface Props {
  draft: Draft;
  state: DraftState;
  subject: Subject;
  step: Step;
  view: View;
  go: (change: { step?: Step; view?: View }) => void;
  children?: ReactNode;
}

/** What each step gets. */
export interface StepProps extends Omit<Props, "children" | "step"> {
  database: DatabaseDocument | undefined;
  databases: readonly DatabaseDocument[];
  preview: PreviewControl;
  checks: Checks;
}

export interface Checks {
  /** About the query. */
  findings: readonly Finding[];
  /** About the details. */
  details: readonly DraftProblem[];
  /** They belong to an earlier text; newer ones are on their way. */
  areOld: boolean;
  /** None is an error. */
  areOk: boolean;
}

function useChecks(
  { name, version, base, value }: DraftState,
  preview: PreviewControl,
  isRead: boolean,
): Checks {
  const query = useQuery({
    ...draftProblemsQuery(name ?? "", version),
    // What a file owns is checked there.
    enabled: name !== null && !isRead,
    placeholderData: (before) => before,
  });
  const text = textAt(value, "query");
  const checked = textAt(base, "query");
  const problems = query.data?.problems;
  const { result } = preview;
  const areOld = !isRead && (query.isPlaceholderData || query.isPending || checked !== text);
  return useMemo(() => {
    const all = problems ?? [];
    const ofQuery = all.filter((one) => !isOfDetails(one));
    const findings = findingsOf(checked, ofQuery, result);
    const details = all.filter(isOfDetails);
    const areOk = ![...findings, ...details].some(({ severity }) => severity === "error");
    return { findings, details, areOld, areOk };
  }, [problems, checked, result, areOld]);
}

export function Editor(props: Props) {
  const { draft, state, subject, step, view, go, children } = props;
  const databases = useQuery(sourcesQuery).data?.items;
  const preview = usePreview(draft, subject);
  const checks = useChecks(state, preview, subject.kind === "read");
  const ofSource = useMemo(
    () => (databases ?? []).filter(({ source }) => source === subject.source),
    [databases, subject.source],
  );
  const shared: StepProps = {
    draft,
    state,
    subject,
    view,
    go,
    preview,
    checks,
    databases: ofSource,
    database: databaseOf(state.value, ofSource),
  };
  const goTo = useCallback((next: Step) => go({ step: next }), [go]);
  const isNew = subject.kind === "draft";
  const title = isNew ? (state.name ?? "Add Sync") : `Edit ${subject.target.name}`;
  return (
    <Page
      title={title}
      area={isNew ? subject.source : "Syncs"}
      trail={isNew ? sourceTrail(subject.source) : syncTrail(subject.target.name)}
      status={isNew ? <StatusChip status="draft" /> : <StatusChip status="enabled" />}
      actions={subject.kind !== "read" && <SaveState draft={draft} state={state} />}
    >
      <StepLinks
        steps={steps}
        at={step}
        canLeaveDetails={state.name !== null || !isNew}
        go={goTo}
      />
      {subject.kind === "read" && <ReadNotice subject={subject} />}
      {subject.kind === "enabled" && (
        <Notice title={`${subject.target.name} goes on as it is while you edit`}>
          Your changes are kept in the draft{" "}
          <strong className={css.strong}>{state.name ?? draftBeside(subject.target.name)}</strong>,
          and count once you press Save changes.
        </Notice>
      )}
      {state.saving.kind === "conflict" && (
        <Conflict draft={draft} mine={state.value} theirs={state.saving.theirs} />
      )}
      {children}
      <Suspense fallback={<Skeleton lines={8} />}>
        {step === "details" && <DetailsStep {...shared} />}
        {step === "query" && <QueryStep {...shared} />}
        {step === "review" && <ReviewStep {...shared} />}
      </Suspense>
    </Page>
  );
}

function ReadNotice({ subject }: { subject: Extract<Subject, { kind: "read" }> }) {
  if (subject.target.owner === "files") return <ManagedNotice definition={subject.target} />;
  return <Notice title="To read">Changing a sync needs the role Member or Admin.</Notice>;
}

function sourceTrail(source: string): ReactNode {
  return [
    <Link key="sources" to="/sources">
      Sources
    </Link>,
    <Link key="source" to="/sources/$source" params={{ source }}>
      {source}
    </Link>,
  ];
}

function syncTrail(sync: string): ReactNode {
  return [
    <Link key="syncs" to="/syncs">
      Syncs
    </Link>,
    <Link key="sync" to="/syncs/$sync" params={{ sync }}>
      {sync}
    </Link>,
  ];
}
