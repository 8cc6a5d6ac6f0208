/**
 * What went wrong, in one form: the API's problems (RFC 9457), and a server that cannot be reached.
 * Everything that asks the API throws a `ProblemError`.
 */
import type { NextStep } from "./types";

export interface ProblemEntry {
  code: string | null;
  message: string;
  /** The field of the request, or the place in the project. */
  field?: string | null | undefined;
  hint?: string | null | undefined;
  next?: NextStep[] | undefined;
}

export interface Problem {
  /** The status of the answer; 0: there was none. */
  status: number;
  /** Such as `C011`; null if it is not the API that says it. */
  code: string | null;
  title: string;
  detail: string;
  errors: ProblemEntry[];
  requestId: string | null;
  /** After how many seconds asking again makes sense. */
  retryAfter: number | null;
}

export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "ProblemError";
    this.problem = problem;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function entryOf(value: unknown): ProblemEntry[] {
  if (!isRecord(value)) return [];
  const next = Array.isArray(value.next) ? (value.next as NextStep[]) : undefined;
  const message = text(value.message) ?? "";
  return [
    { code: text(value.code), message, field: text(value.field), hint: text(value.hint), next },
  ];
}

/** The problem of an answer that is not a success. */
export function problemOf(response: Response, body: unknown): Problem {
  const after = Number(response.headers.get("retry-after") ?? "");
  const retryAfter = Number.isFinite(after) && after > 0 ? after : null;
  const status = response.status;
  if (isRecord(body) && typeof body.title === "string") {
    return {
      status,
      code: text(body.code),
      title: body.title,
      detail: text(body.detail) ?? body.title,
      errors: Array.isArray(body.errors) ? body.errors.flatMap(entryOf) : [],
      requestId: text(body.request_id),
      retryAfter,
    };
  }
  const detail = `The answer has status ${status} and no explanation. A proxy may have written it.`;
  const title = "The server did not answer as expected";
  return { status, code: null, title, detail, errors: [], requestId: null, retryAfter };
}

/** The problem of whatever was thrown. */
export function toProblem(thrown: unknown): Problem {
  if (thrown instanceof ProblemError) return thrown.problem;
  const nothing = { status: 0, code: null, errors: [], requestId: null, retryAfter: null };
  if (thrown instanceof TypeError) {
    return {
      ...nothing,
      title: "The server cannot be reached",
      detail: "No answer came. The page asks again by itself once the server is back.",
    };
  }
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return { ...nothing, title: "The page failed", detail };
}

/** What concerns this field: `schedule` has what is wrong at `schedule.cron`, too. */
export function entriesAt(problem: Problem | null | undefined, field: string): ProblemEntry[] {
  return (problem?.errors ?? []).filter(
    (entry) => entry.field === field || entry.field?.startsWith(`${field}.`),
  );
}

/** The problem as a person sends it to another one. */
export function asMarkdown(problem: Problem, address: string): string {
  const lines = [
    `**${problem.code ? `${problem.code}: ` : ""}${problem.title}**`,
    "",
    problem.detail,
    ...problem.errors.flatMap((entry) => {
      const place = entry.field ? ` (${entry.field})` : "";
      const hint = entry.hint ? ` How to fix it: ${entry.hint}` : "";
      return entry.message === problem.detail && !hint && !place
        ? []
        : [`- ${entry.code ?? ""}${place} ${entry.message}.${hint}`];
    }),
    "",
    `Page: ${address}`,
    `Status: ${problem.status}${problem.requestId ? `, request ${problem.requestId}` : ""}`,
  ];
  return lines.join("\n");
}
