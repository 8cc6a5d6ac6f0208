/** Answers of many lines, each of which is JSON: the steps of a test as they happen. */
import { ProblemError, problemOf } from "./problem";
import { noteUnauthorized } from "./session";

/** Splits what arrives into lines; what is left behind the last line break waits. */
export function lineSplitter(onLine: (line: string) => void): (piece: string) => void {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    lines.filter((line) => line.trim() !== "").forEach((line) => onLine(line));
  };
}

/** Posts, and hands over each line of the answer as it comes. */
export async function postLines<T>(
  path: string,
  body: unknown,
  onLine: (line: T) => void,
  signal?: AbortSignal,
): Promise<void> {
  const init: RequestInit = { method: "POST", signal: signal ?? null };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "content-type": "application/json" };
  }
  const response = await fetch(path, init);
  if (!response.ok) {
    if (response.status === 401) noteUnauthorized();
    const problem: unknown = await response.json().catch(() => null);
    throw new ProblemError(problemOf(response, problem));
  }
  const take = lineSplitter((line) => onLine(JSON.parse(line) as T));
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) break;
    take(piece.value);
  }
  take("\n");
}
