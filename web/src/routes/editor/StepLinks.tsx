/** The steps as buttons: a step can be gone to as soon as there is a draft. */
import { classes } from "../../lib/classes";
import css from "./editor.module.css";
import type { Step } from "./routes";

const titles: Record<Step, string> = {
  details: "Details",
  query: "Define query",
  review: "Review",
};

interface Props {
  steps: readonly Step[];
  at: Step;
  canLeaveDetails: boolean;
  go: (step: Step) => void;
}

export function StepLinks({ steps, at, canLeaveDetails, go }: Props) {
  return (
    <ol className={css.steps} aria-label="Steps">
      {steps.map((step, index) => (
        <li key={step}>
          <button
            type="button"
            className={classes(css.step, step === at && css.stepNow)}
            aria-current={step === at ? "step" : undefined}
            aria-disabled={(!canLeaveDetails && step !== "details") || undefined}
            data-tip={!canLeaveDetails && step !== "details" ? "Give it a name first" : undefined}
            onClick={() => canLeaveDetails && go(step)}
          >
            <span className={css.stepMark}>{index + 1}</span>
            {titles[step]}
          </button>
        </li>
      ))}
    </ol>
  );
}
