/** Testing a destination: each step as it happens, and what went to and fro. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { PlugZap, Send } from "lucide-react";
import { useState } from "react";
import { postLines } from "../../api/ndjson";
import { needsRole } from "../../api/permissions";
import { problemOf, ProblemError } from "../../api/problem";
import { destinationsQuery } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import type { components } from "../../api/schema";
import { Button } from "../../ui/Button";
import { JsonView } from "../../ui/Code";
import { Disclosure } from "../../ui/Disclosure";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { EmptyState, ErrorState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Duration } from "../../ui/values";
import css from "./destinations.module.css";

export const Route = createLazyRoute("/app/destinations/$destination/test")({ component: TestTab });

type Check = components["schemas"]["CheckDocument"];
type Result = components["schemas"]["DestinationTest"];
interface Line {
  check?: Check;
  result?: Result;
  problem?: unknown;
}

/** The call that a webhook gets, as docs/reference/destinations.md has it. */
const testCall = {
  messageId: "outflow-destination-test",
  type: "track",
  anonymousId: "outflow-destination-test",
  event: "Outflow Test",
  properties: { test: true },
};

const stepNames: Partial<Record<string, string>> = {
  name: "Look up the name",
  tcp: "Connect",
  tls: "Encrypt (TLS)",
  authentication: "Key",
  folder: "Folder",
  call: "Test call",
  proxy: "Proxy",
};

function TestTab() {
  const { destination } = Route.useParams();
  const may = useMay("destinations.test");
  const type = useQuery(destinationsQuery).data?.items.find(
    (one) => one.destination === destination,
  )?.type;
  const [checks, setChecks] = useState<readonly Check[]>([]);
  const [isOk, setOk] = useState<boolean | null>(null);
  const [pending, setPending] = useState<"look" | "send" | null>(null);
  const [error, setError] = useState<unknown>(null);

  const test = async (send: boolean) => {
    setChecks([]);
    setError(null);
    setOk(null);
    setPending(send ? "send" : "look");
    try {
      const path = `/api/v1/destinations/${encodeURIComponent(destination)}/test`;
      await postLines<Line>(path, { send }, (line) => {
        const { check, result, problem } = line;
        if (check) setChecks((before) => [...before, check]);
        if (result) setOk(result.ok);
        if (problem)
          throw new ProblemError(problemOf(new Response(null, { status: 500 }), problem));
      });
    } catch (thrown) {
      setError(thrown);
    } finally {
      setPending(null);
    }
  };
  const needed = !may && needsRole("destinations.test");
  const hasWarning = checks.some(({ outcome }) => outcome === "warning");
  const buttons = (
    <>
      <Button
        look="primary"
        icon={PlugZap}
        pending={pending === "look"}
        disabledReason={needed || (pending && "A test goes on")}
        onClick={() => void test(false)}
      >
        Test
      </Button>
      {type === "webhook" && (
        <Button
          icon={Send}
          pending={pending === "send"}
          disabledReason={needed || (pending && "A test goes on")}
          onClick={() => void test(true)}
        >
          Send a test call
        </Button>
      )}
    </>
  );
  return (
    <>
      {isOk !== null && (
        <Notice
          live
          tone={!isOk ? "bad" : hasWarning ? "warn" : "good"}
          title={
            !isOk
              ? "The test failed"
              : hasWarning
                ? "It can be reached, with a remark"
                : "The test passed"
          }
        >
          {isOk
            ? "Connect a source with it in Connections, and its syncs send to it."
            : "Nothing was sent. What failed, and what to do, stands at the step."}
        </Notice>
      )}
      <SectionCard
        title="Test"
        text="Can it be reached, and does it take our key? No call of a person is sent."
        actions={buttons}
      >
        {checks.length > 0 && (
          <ol className={css.checks} aria-label="Steps of the test">
            {checks.map((check) => (
              <CheckLine key={check.step} check={check} />
            ))}
          </ol>
        )}
        {pending && (
          <p className={css.progress} role="status">
            <StatusChip status="running" plain word="Testing" />
          </p>
        )}
        {error !== null && <ErrorState error={error} />}
        {checks.length === 0 && error === null && !pending && (
          <EmptyState
            icon={PlugZap}
            title="Not tested since you opened this"
            command={`outflow destination test ${destination}`}
          >
            Each step is shown as it happens, with how long it took.
          </EmptyState>
        )}
      </SectionCard>
      {type === "webhook" && (
        <SectionCard
          title="The test call"
          text="What “Send a test call” posts, in the form that the destination's body sets."
          padded
        >
          <JsonView value={testCall} label="Copy the test call" />
        </SectionCard>
      )}
    </>
  );
}

function CheckLine({ check }: { check: Check }) {
  const { step, outcome, summary, seconds, details, problems } = check;
  const hasDetails = details != null && Object.keys(details as object).length > 0;
  return (
    <li className={css.check}>
      <StatusChip status={outcome === "failed" ? "failed_check" : outcome} />
      <div className={css.checkText}>
        <span>
          <strong>{stepNames[step] ?? step}</strong> {summary}
        </span>
        {problems.map((problem) => (
          <span key={problem.message}>
            <code>{problem.code}</code> {problem.message}
            {problem.help && <span className="muted"> {problem.help}.</span>}
          </span>
        ))}
        {hasDetails && (
          <Disclosure label="Details">
            <JsonView value={details} />
          </Disclosure>
        )}
      </div>
      <span className={css.checkTime}>
        <Duration seconds={seconds} />
      </span>
    </li>
  );
}
