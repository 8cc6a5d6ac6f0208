/**
 * A test of a connection as a checklist: each step with what was found and how long it took, and what
 * is wrong with its code, its cause and what to do.
 */
import { Circle, CircleCheck, LoaderCircle, Minus, OctagonX, TriangleAlert } from "lucide-react";
import { useEffect, useRef } from "react";
import { classes } from "../../lib/classes";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/Copy";
import { ErrorState } from "../../ui/states";
import { ProblemError } from "../../api/problem";
import { duration } from "../../lib/time";
import css from "./sources.module.css";
import { stepNames, stepsToCome } from "./test-steps";
import type { Check, SourceTest, TestedDatabase } from "./use-source-test";

interface Props {
  test: SourceTest;
  /** The type, for the steps that are to come. */
  type: string;
  /** With the name of each database: where more than one is tested. */
  named?: boolean;
  onCancel?: () => void;
}

export function ConnectionTest({ test, type, named = false, onCancel }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const isRunning = test.state === "running";
  useEffect(() => {
    if (isRunning) place.current?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }, [isRunning]);
  if (test.state === "idle") return null;
  return (
    <div className={css.test} ref={place}>
      <div className={css.testHead}>
        <p role="status" className={css.testResult}>
          <Outcome test={test} />
        </p>
        {isRunning && onCancel && (
          <Button small onClick={onCancel}>
            Cancel test
          </Button>
        )}
      </div>
      {test.databases.map((one) => (
        <div key={one.document.database}>
          {named && <h3 className={css.testName}>{one.document.database}</h3>}
          <Steps one={one} type={type} isRunning={isRunning} />
        </div>
      ))}
      {isRunning && test.databases.length === 0 && (
        <ol className={css.checks}>
          <Pending steps={stepsToCome(type, [])} isRunning />
        </ol>
      )}
      {test.problem && <ErrorState error={new ProblemError(test.problem)} />}
    </div>
  );
}

function Outcome({ test }: { test: SourceTest }) {
  const checks = test.databases.flatMap((one) => one.checks);
  const seconds = checks.reduce((sum, check) => sum + check.seconds, 0);
  const warnings = checks.filter(({ outcome }) => outcome === "warning").length;
  const failed = checks.find(({ outcome }) => outcome === "failed");
  if (test.state === "running") return <strong>Testing the connection…</strong>;
  if (test.problem) return <strong>The test could not be done</strong>;
  if (!test.ok) {
    return (
      <>
        <strong className={css.bad}>The connection does not work.</strong>{" "}
        {failed && <>It fails at “{stepNames[failed.step] ?? failed.step}”.</>}
      </>
    );
  }
  return (
    <>
      <strong className={css.good}>The connection works.</strong>{" "}
      <span className="muted">
        {checks.length} steps in {took(seconds)}
        {warnings > 0 && `, ${warnings} with a warning`}
      </span>
    </>
  );
}

function Steps({
  one,
  type,
  isRunning,
}: {
  one: TestedDatabase;
  type: string;
  isRunning: boolean;
}) {
  const done = one.checks.map(({ step }) => step);
  const hasFailed = one.checks.some(({ outcome }) => outcome === "failed");
  return (
    <ol className={css.checks}>
      {one.checks.map((check, index) => (
        <Step key={index} check={check} />
      ))}
      {(isRunning || hasFailed) && (
        <Pending steps={stepsToCome(type, done)} isRunning={isRunning && !hasFailed} />
      )}
    </ol>
  );
}

const looks = {
  ok: { icon: CircleCheck, word: "Passed", tone: css.good },
  warning: { icon: TriangleAlert, word: "Warning", tone: css.warn },
  failed: { icon: OctagonX, word: "Failed", tone: css.bad },
} as const;

function Step({ check }: { check: Check }) {
  const look = looks[check.outcome as keyof typeof looks] ?? looks.warning;
  const Icon = look.icon;
  return (
    <li className={css.check}>
      <Icon size={16} strokeWidth={2} className={look.tone} aria-hidden />
      <div className={css.checkBody}>
        <p className={css.checkLine}>
          <span className="sr-only">{look.word}: </span>
          <strong>{stepNames[check.step] ?? check.step}</strong>
          <span className="muted">{check.summary}</span>
        </p>
        {check.problems.map((problem, index) => (
          <CheckProblem key={index} problem={problem} isFailure={check.outcome === "failed"} />
        ))}
      </div>
      <span className={classes("muted", css.checkTime)}>{took(check.seconds)}</span>
    </li>
  );
}

interface ProblemProps {
  problem: Check["problems"][number];
  isFailure: boolean;
}

function CheckProblem({ problem, isFailure }: ProblemProps) {
  const command = `outflow explain ${problem.code}`;
  return (
    <div className={classes(css.checkProblem, isFailure ? css.onBad : css.onWarn)}>
      <p>
        <code>{problem.code}</code> {sentence(problem.message)}
        {problem.place && (
          <span className="muted">
            {" "}
            At <code>{problem.place}</code>.
          </span>
        )}
      </p>
      {problem.help && (
        <div>
          <strong>What to do</strong>
          {problem.help.split("\n").map((line) => (
            <p key={line}>{sentence(line)}</p>
          ))}
        </div>
      )}
      <p className={css.explain}>
        <span className="muted">More about it:</span> <code>{command}</code>
        <CopyButton text={command} label="Copy the command" />
      </p>
    </div>
  );
}

function Pending({ steps, isRunning }: { steps: readonly string[]; isRunning: boolean }) {
  return steps.map((step, index) => {
    const isNow = isRunning && index === 0;
    const Icon = isNow ? LoaderCircle : isRunning ? Circle : Minus;
    return (
      <li key={step} className={classes(css.check, !isNow && css.checkLater)}>
        <Icon size={16} strokeWidth={2} className={isNow ? css.moves : undefined} aria-hidden />
        <p className={css.checkLine}>
          <span>{stepNames[step] ?? step}</span>
          {!isRunning && <span>not reached</span>}
        </p>
      </li>
    );
  });
}

/** `240 ms`: steps are short, and a second is long. */
function took(seconds: number): string {
  if (seconds < 0.0005) return "< 1 ms";
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : duration(seconds);
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
