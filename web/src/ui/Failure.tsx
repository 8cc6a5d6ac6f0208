/** What went wrong with what a person has just done: it stays where it was done. */
import { toProblem } from "../api/problem";
import { Notice } from "./Notice";

interface Props {
  /** What was thrown; null or undefined: nothing. */
  error: unknown;
  /** What was not done: `The member was not added`. */
  what?: string;
}

export function Failure({ error, what }: Props) {
  if (error == null) return null;
  const problem = toProblem(error);
  const hints = problem.errors.flatMap(({ hint }) => (hint ? [hint] : []));
  return (
    <Notice tone="bad" title={what ?? problem.title} live>
      <p>
        {problem.code && <code>{problem.code} </code>}
        {problem.detail}
      </p>
      {hints.map((hint) => (
        <p key={hint} className="muted">
          {hint}
        </p>
      ))}
    </Notice>
  );
}
