/** What the server says about a query: from the check of the draft, and from its last preview. */
import type { Diagnostic } from "@codemirror/lint";
import type { DraftProblem } from "../../api/queries/drafts";
import { indexOfByte, indexOfPlace, placeIn } from "../../lib/sql-text";
import type { Preview } from "./use-preview";

export type Severity = "error" | "warning" | "note";

export interface Finding {
  code: string;
  severity: Severity;
  message: string;
  help: string | null;
  /** The key of the definition. */
  field: string | null;
  /** Indices in the text that was checked. */
  range: { from: number; to: number } | null;
  place: string | null;
  fix: { from: number; to: number; text: string } | null;
}

const order: Record<Severity, number> = { error: 0, warning: 1, note: 2 };

function severityOf(text: string): Severity {
  return text === "error" || text === "warning" ? text : "note";
}

function rangeOf(query: string, problem: Partial<DraftProblem>): Finding["range"] {
  const place = problem.line
    ? ([problem.line, problem.column ?? 1] as const)
    : placeIn(problem.place);
  if (!place) return null;
  const from = indexOfPlace(query, place[0], place[1]);
  const end =
    problem.end_line && problem.end_column
      ? indexOfPlace(query, problem.end_line, problem.end_column)
      : from + 1;
  return { from, to: Math.max(end, Math.min(from + 1, query.length)) };
}

export function findingOf(query: string, problem: Omit<DraftProblem, "field">): Finding {
  const { fix } = problem;
  const range = rangeOf(query, problem as Partial<DraftProblem>);
  const [line, column] = placeIn(problem.place) ?? [];
  return {
    code: problem.code,
    severity: severityOf(problem.severity),
    message: problem.message,
    help: problem.help ?? null,
    field: (problem as Partial<DraftProblem>).field ?? null,
    range,
    place: line ? `Line ${line}, column ${column}` : null,
    fix: fix
      ? {
          from: indexOfByte(query, fix.start),
          to: indexOfByte(query, fix.end),
          text: fix.replacement,
        }
      : null,
  };
}

/** The same finding comes from the check and from the preview. */
function keyOf({ code, message, place }: Finding): string {
  return `${code} ${message} ${place}`;
}

/** Both together, the worst first. What a preview said of another text is left out. */
export function findingsOf(
  query: string,
  problems: readonly DraftProblem[],
  preview: Preview | null,
): Finding[] {
  const found = new Map<string, Finding>();
  const put = (finding: Finding) => {
    if (!found.has(keyOf(finding))) found.set(keyOf(finding), finding);
  };
  problems.forEach((problem) => put(findingOf(query, problem)));
  if (preview?.query === query) {
    preview.rows?.findings.forEach((finding) => put(findingOf(query, finding)));
    preview.problem?.problem.errors.forEach(({ code, message, field, hint }) => {
      if (!code || preview.problem?.problem.status === 401) return;
      const place = placeIn(field) ? field! : null;
      put(findingOf(query, { code, message, help: hint ?? null, place, severity: "error" }));
    });
  }
  return [...found.values()].sort((a, b) => order[a.severity] - order[b.severity]);
}

/** The same for the editor. Fixes are those of the text that was checked, and of no other. */
export function diagnosticsOf(findings: readonly Finding[]): Diagnostic[] {
  return findings
    .flatMap((finding): Diagnostic[] => {
      const { range, severity, code, message, help, fix } = finding;
      if (!range) return [];
      const changes = fix && { from: fix.from, to: fix.to, insert: fix.text };
      return [
        {
          ...range,
          severity: severity === "note" ? "info" : severity,
          source: code,
          message: help ? `${message}\n${help}` : message,
          ...(changes
            ? { actions: [{ name: fixName(finding), apply: (view) => view.dispatch({ changes }) }] }
            : {}),
        },
      ];
    })
    .sort((a, b) => a.from - b.from);
}

/** What the button of a fix says. */
export function fixName({ fix }: Finding): string {
  if (!fix) return "";
  if (fix.text === "") return "Remove it";
  return fix.text.length > 40 ? "Fix it" : `Write ${fix.text}`;
}
