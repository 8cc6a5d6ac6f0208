/**
 * The last press: makes a draft a part of the project, or gives a sync that runs what its draft
 * says. Says why it cannot be pressed.
 */
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Check } from "lucide-react";
import { useState } from "react";
import { api, ask, ifVersion } from "../../api/client";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { draftRequests } from "../../api/queries/drafts";
import { useMay } from "../../api/queries/me";
import type { Value } from "../../api/queries/definitions";
import { isEmpty, patchOf } from "../../lib/merge-patch";
import { Button } from "../../ui/Button";
import { Notice } from "../../ui/Notice";
import type { StepProps } from "./Editor";
import css from "./editor.module.css";

/** What stands in the way; null: nothing. */
function obstacle({ state, checks, preview, subject }: StepProps, isShort: boolean): string | null {
  const { saving, value, base } = state;
  if (saving.kind === "conflict") return "Another person has changed it, too: choose first.";
  const isSame = subject.kind === "enabled" && isEmpty(changesOf(subject.target.value, value));
  if (isSame) return "Nothing is changed.";
  if (state.name === null) return "It has no name yet.";
  if (!checks.areOld && base.query === value.query && !checks.areOk)
    return "There is an error in the query or in the details.";
  if (!isShort) return null;
  const { result, phase } = preview;
  if (phase) return "The query is being run.";
  if (!result?.rows || result.query !== value.query) return "Run the query first, or go to Review.";
  const warnings = checks.findings.filter(({ severity }) => severity === "warning").length;
  if (warnings > 0) return "There are warnings: go to Review.";
  const hasRejected = result.calls?.some((call) => "rejected" in call);
  return hasRejected ? "Some rows are rejected: go to Review." : null;
}

export function changesOf(target: unknown, value: Value): Value {
  return patchOf((target ?? {}) as Value, value);
}

export function EnableButton(props: StepProps & { isShort?: boolean }) {
  const { draft, subject, isShort = false } = props;
  const [isPending, setPending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const client = useQueryClient();
  const navigate = useNavigate();
  const mayWrite = useMay("project.write");
  const why = mayWrite ? obstacle(props, isShort) : needsRole("project.write");

  const finish = async () => {
    setPending(true);
    setError(null);
    try {
      if (!(await draft.flush())) {
        const { saving } = draft.state.get();
        throw saving.kind === "failed" ? saving.error : new Error("The draft could not be saved.");
      }
      const { name, version, value } = draft.state.get();
      const sync = subject.kind === "enabled" ? subject.target.name : name!;
      if (subject.kind === "enabled") {
        const { target } = subject;
        await draftRequests.change(sync, changesOf(target.value, value), target.version);
        await draftRequests.remove(name!);
      } else {
        await ask(
          api.POST("/api/v1/syncs/{sync}/enable", {
            params: { path: { sync }, header: ifVersion(version) },
          }),
        );
      }
      // Only then: the draft beside the sync is gone, and this screen would ask for it.
      await navigate({ to: "/syncs/$sync", params: { sync } });
      await client.invalidateQueries();
    } catch (thrown) {
      setError(thrown);
      setPending(false);
    }
  };
  const problem = error === null ? null : toProblem(error);
  return (
    <>
      {problem && (
        <div className={css.footNotice}>
          <Notice tone="bad" title={problem.title} live onDismiss={() => setError(null)}>
            {problem.status === 412
              ? "Another person has saved this sync meanwhile. Open it again to see both; your draft stays."
              : problem.detail}
            {problem.errors.slice(0, 4).map(({ message, hint }, index) => (
              <p key={index}>
                {message !== problem.detail && message}{" "}
                {hint && <span className="muted">{hint}</span>}
              </p>
            ))}
          </Notice>
        </div>
      )}
      <Button
        look={isShort ? "secondary" : "primary"}
        icon={Check}
        pending={isPending}
        disabledReason={why}
        onClick={() => void finish()}
      >
        {subject.kind === "enabled" ? "Save changes" : "Enable"}
      </Button>
    </>
  );
}
