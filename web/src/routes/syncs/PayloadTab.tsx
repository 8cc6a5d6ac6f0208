/** The calls that the next run would send. Nothing is sent. */
import { useMutation } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Eye } from "lucide-react";
import { api, ask } from "../../api/client";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { Button } from "../../ui/Button";
import { JsonView } from "../../ui/Code";
import { SectionCard } from "../../ui/Page";
import { EmptyState, ErrorState, Skeleton } from "../../ui/states";

export const Route = createLazyRoute("/app/syncs/$sync/payload")({ component: PayloadTab });

const LIMIT = 20;

function PayloadTab() {
  const { sync } = Route.useParams();
  const may = useMay("rows.read");
  const preview = useMutation({
    mutationFn: () =>
      ask(
        api.POST("/api/v1/syncs/{sync}/preview", {
          params: { path: { sync } },
          body: { calls: true, limit: LIMIT },
        }),
      ),
  });
  const show = (
    <Button
      look="primary"
      icon={Eye}
      pending={preview.isPending}
      disabledReason={!may && needsRole("rows.read")}
      onClick={() => preview.mutate()}
    >
      Show calls
    </Button>
  );
  if (preview.isPending) return <Skeleton lines={8} />;
  if (preview.error) return <ErrorState error={preview.error} retry={() => preview.mutate()} />;
  const calls = preview.data?.calls;
  return (
    <SectionCard title="Calls" text="What the next run would send. Nothing is sent." actions={show}>
      {!calls || calls.length === 0 ? (
        <EmptyState icon={Eye} title="No calls to show" command={`outflow preview ${sync} --calls`}>
          {calls
            ? "The query gives no rows now: nothing has changed since the last run."
            : `The query runs, and up to ${LIMIT} of its rows are shown as calls.`}
        </EmptyState>
      ) : (
        <div className="stack">
          {calls.map((call, index) => (
            <JsonView key={index} value={call} label={`Copy call ${index + 1}`} />
          ))}
        </div>
      )}
    </SectionCard>
  );
}
