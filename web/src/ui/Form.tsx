/**
 * A form. Give it what was thrown as `error`: each field shows what is said about it, and what
 * concerns no field stands above the buttons. After a failure the first wrong field has the focus.
 */
import {
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  type FormEvent,
  type ReactNode,
} from "react";
import { toProblem, type Problem } from "../api/problem";
import { classes } from "../lib/classes";
import { FormContext } from "./form-context";
import css from "./form.module.css";
import { Notice } from "./Notice";

interface Props {
  onSubmit: () => void;
  /** What was thrown when it was last sent; null or undefined: nothing. */
  error?: unknown;
  children: ReactNode;
  /** Buttons at its end. */
  actions?: ReactNode;
  className?: string;
}

export function Form({ onSubmit, error, children, actions, className }: Props) {
  const [names, setNames] = useState<readonly string[]>([]);
  const form = useRef<HTMLFormElement>(null);
  const problem = useMemo(() => (error ? toProblem(error) : null), [error]);
  const register = useCallback((name: string) => {
    setNames((known) => [...known, name]);
    return () => setNames((known) => known.filter((other) => other !== name));
  }, []);
  const context = useMemo(() => ({ problem, register }), [problem, register]);

  useEffect(() => {
    if (problem) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [problem]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    event.stopPropagation();
    onSubmit();
  };
  return (
    <FormContext value={context}>
      <form ref={form} noValidate className={classes(css.form, className)} onSubmit={submit}>
        {children}
        {problem && <Rest problem={problem} names={names} />}
        {actions && <div className={css.actions}>{actions}</div>}
      </form>
    </FormContext>
  );
}

/** What no field of the form shows. */
function Rest({ problem, names }: { problem: Problem; names: readonly string[] }) {
  const isShown = (field: string | null | undefined) =>
    field != null && names.some((name) => field === name || field.startsWith(`${name}.`));
  const rest = problem.errors.filter((entry) => !isShown(entry.field));
  if (problem.errors.length > 0 && rest.length === 0) return null;
  const entries = rest.length > 0 ? rest : [{ code: problem.code, message: problem.detail }];
  return (
    <Notice tone="bad" title={problem.title} live>
      {entries.map((entry, index) => (
        <p key={index}>
          {entry.code && <code>{entry.code} </code>}
          {"field" in entry && entry.field && <code>{entry.field}: </code>}
          {entry.message !== problem.title && entry.message}
          {"hint" in entry && entry.hint && <span className="muted"> {entry.hint}</span>}
        </p>
      ))}
      {problem.retryAfter !== null && <p>Try again in {problem.retryAfter} seconds.</p>}
    </Notice>
  );
}
