/** What a screen shows when it has nothing to show: empty, loading, error, forbidden, not found. */
import { CircleHelp, Lock, RotateCw, TriangleAlert, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { needsRole, type Permission } from "../api/permissions";
import { asMarkdown, toProblem } from "../api/problem";
import { classes } from "../lib/classes";
import { Button, LinkButton } from "./Button";
import { CopyButton } from "./Copy";
import css from "./states.module.css";

interface EmptyProps {
  icon: LucideIcon;
  title: string;
  /** One sentence. */
  children: ReactNode;
  /** One action. */
  action?: ReactNode;
  /** The same on the command line. */
  command?: string;
}

export function EmptyState({ icon: Icon, title, children, action, command }: EmptyProps) {
  return (
    <div className={classes(css.state, css.centred)}>
      <span className={css.icon}>
        <Icon size={20} strokeWidth={1.75} aria-hidden />
      </span>
      <h2 className={css.title}>{title}</h2>
      <p className={css.text}>{children}</p>
      {action}
      {command && (
        <p className={css.command}>
          <span>or</span>
          <code>{command}</code>
          <CopyButton text={command} label="Copy the command" />
        </p>
      )}
    </div>
  );
}

interface ErrorProps {
  /** Whatever was thrown. */
  error: unknown;
  retry?: (() => void) | undefined;
  /** What was not done: `The runs cannot be shown`. */
  what?: string;
}

/** What went wrong, why, and what to do. Where a role is missing, it says which. */
export function ErrorState({ error, retry, what }: ErrorProps) {
  const problem = toProblem(error);
  const entries = problem.errors.filter((entry) => entry.hint || entry.message !== problem.detail);
  return (
    <div className={css.state} role="alert">
      <span className={classes(css.icon, css.iconBad)}>
        <TriangleAlert size={20} strokeWidth={1.75} aria-hidden />
      </span>
      <h2 className={css.title}>{what ?? problem.title}</h2>
      <p className={css.text}>
        {problem.code && <code>{problem.code} </code>}
        {problem.detail}
      </p>
      {entries.length > 0 && (
        <ul className={css.list}>
          {entries.map((entry, index) => (
            <li key={index}>
              {entry.message !== problem.detail && <>{entry.message} </>}
              {entry.hint && <span className="muted">{entry.hint}</span>}
            </li>
          ))}
        </ul>
      )}
      <div className="row">
        {retry && (
          <Button icon={RotateCw} onClick={retry}>
            Retry
          </Button>
        )}
        <CopyButton
          text={() => asMarkdown(problem, window.location.href)}
          label="Copy details"
          shown
        />
      </div>
      {problem.code && (
        <p className={css.command}>
          <span>More about it:</span>
          <code>outflow explain {problem.code}</code>
          <CopyButton text={`outflow explain ${problem.code}`} label="Copy the command" />
        </p>
      )}
    </div>
  );
}

export function Forbidden({ permission, detail }: { permission?: Permission; detail?: string }) {
  return (
    <div className={classes(css.state, css.centred)}>
      <span className={css.icon}>
        <Lock size={20} strokeWidth={1.75} aria-hidden />
      </span>
      <h2 className={css.title}>Your role does not allow this</h2>
      <p className={css.text}>{permission ? needsRole(permission) : detail}</p>
      <p className={css.text}>An administrator can change your role in Settings, Members.</p>
    </div>
  );
}

export function NotFound({ what = "This page", detail }: { what?: string; detail?: string }) {
  return (
    <div className={classes(css.state, css.centred)}>
      <span className={css.icon}>
        <CircleHelp size={20} strokeWidth={1.75} aria-hidden />
      </span>
      <h1 className={css.title}>{what} is not there</h1>
      <p className={css.text}>{detail ?? "It may have been renamed or removed."}</p>
      <LinkButton to="/">Go to Home</LinkButton>
    </div>
  );
}

/** Bars in the place of what is loading; they appear after 150 ms. */
export function Skeleton({ lines = 4, label = "Loading" }: { lines?: number; label?: string }) {
  const widths = [92, 76, 84, 60, 88, 70];
  return (
    <div className={css.skeleton} role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, index) => (
        <div
          key={index}
          className={css.bar}
          style={{ width: `${widths[index % widths.length]}%` }}
        />
      ))}
    </div>
  );
}
