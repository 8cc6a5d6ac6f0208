/** A test of the databases of a source: each step arrives as it ends. */
import { useCallback, useEffect, useRef, useState } from "react";
import { postLines } from "../../api/ndjson";
import { ProblemError, toProblem, type Problem } from "../../api/problem";
import type { components } from "../../api/schema";
import type { DatabaseDocument } from "../../api/types";

export type Check = components["schemas"]["CheckDocument"];
type Result = components["schemas"]["SourceTest"];
type Broken = components["schemas"]["Error"];

interface Line {
  database?: DatabaseDocument;
  check?: Check;
  result?: Result;
  problem?: Broken;
}

export interface TestedDatabase {
  document: DatabaseDocument;
  checks: Check[];
}

export interface SourceTest {
  state: "idle" | "running" | "ended";
  databases: TestedDatabase[];
  /** Whether no step has failed; null until it is known. */
  ok: boolean | null;
  /** Why the test did not come to its end. */
  problem: Problem | null;
}

const IDLE: SourceTest = { state: "idle", databases: [], ok: null, problem: null };

function withCheck(test: SourceTest, document: DatabaseDocument, check: Check): SourceTest {
  const others = test.databases.filter((one) => one.document.database !== document.database);
  const mine = test.databases.find((one) => one.document.database === document.database);
  const checks = [...(mine?.checks ?? []), check];
  return { ...test, databases: [...others, { document, checks }] };
}

function brokenOff(error: Broken): Problem {
  return {
    status: 0,
    code: error.code,
    title: "The test broke off",
    detail: error.message,
    errors: [{ code: error.code, message: error.message, hint: error.help }],
    requestId: null,
    retryAfter: null,
  };
}

export function useSourceTest() {
  const [test, setTest] = useState<SourceTest>(IDLE);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  /** Tests `SOURCE` or `SOURCE.DATABASE`, and says whether it passed. */
  const run = useCallback(async (target: string): Promise<boolean> => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    let present: SourceTest = { ...IDLE, state: "running" };
    const show = (next: SourceTest) => {
      present = next;
      if (running.current === controller) setTest(next);
    };
    show(present);
    const onLine = ({ database, check, result, problem }: Line) => {
      if (database && check) show(withCheck(present, database, check));
      if (result) show({ ...present, ok: result.ok });
      if (problem) show({ ...present, ok: false, problem: brokenOff(problem) });
    };
    try {
      const path = `/api/v1/sources/${encodeURIComponent(target)}/test`;
      await postLines<Line>(path, undefined, onLine, controller.signal);
      if (present.ok === null) {
        const text = "The answer ended before the test did.";
        throw new ProblemError({ ...brokenOff({ code: "S009", message: text }), code: null });
      }
      show({ ...present, state: "ended" });
    } catch (thrown) {
      if (controller.signal.aborted) return false;
      show({ ...present, state: "ended", ok: false, problem: toProblem(thrown) });
    }
    return present.ok === true;
  }, []);

  const cancel = useCallback(() => {
    running.current?.abort();
    running.current = null;
    setTest(IDLE);
  }, []);
  return { test, run, cancel };
}

/** The address that the database sees us under, if the test has come so far. */
export function ownAddress(test: SourceTest): string | null {
  for (const { checks } of test.databases) {
    for (const { details } of checks) {
      if (typeof details.local_address === "string") return details.local_address;
    }
  }
  return null;
}
