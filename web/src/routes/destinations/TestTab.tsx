/** Testing a destination: each step as it happens. */
import { createLazyRoute } from "@tanstack/react-router";
import { PlugZap } from "lucide-react";
import { useState } from "react";
import { postLines } from "../../api/ndjson";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { Button } from "../../ui/Button";
import { JsonView } from "../../ui/Code";
import { SectionCard } from "../../ui/Page";
import { EmptyState, ErrorState } from "../../ui/states";

export const Route = createLazyRoute("/app/destinations/$destination/test")({ component: TestTab });

function TestTab() {
  const { destination } = Route.useParams();
  const may = useMay("destinations.test");
  const [lines, setLines] = useState<unknown[]>([]);
  const [isPending, setPending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const test = async () => {
    setLines([]);
    setError(null);
    setPending(true);
    try {
      const path = `/api/v1/destinations/${encodeURIComponent(destination)}/test`;
      await postLines<unknown>(path, {}, (line) => setLines((before) => [...before, line]));
    } catch (thrown) {
      setError(thrown);
    } finally {
      setPending(false);
    }
  };
  const button = (
    <Button
      look="primary"
      icon={PlugZap}
      pending={isPending}
      disabledReason={!may && needsRole("destinations.test")}
      onClick={() => void test()}
    >
      Test
    </Button>
  );
  return (
    <SectionCard title="Test" text="Can it be reached, and does it take our key?" actions={button}>
      {error !== null && <ErrorState error={error} />}
      {lines.length === 0 && error === null ? (
        <EmptyState
          icon={PlugZap}
          title="Not tested now"
          command={`outflow destination test ${destination}`}
        >
          Each step is shown as it happens. No call is sent.
        </EmptyState>
      ) : (
        <div className="stack-tight">
          {lines.map((line, index) => (
            <JsonView key={index} value={line} />
          ))}
        </div>
      )}
    </SectionCard>
  );
}
