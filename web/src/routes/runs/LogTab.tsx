/** Where the log of a run is. */
import { createLazyRoute } from "@tanstack/react-router";
import { ScrollText } from "lucide-react";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";

export const Route = createLazyRoute("/app/runs/$run/log")({ component: LogTab });

function LogTab() {
  const { run } = Route.useParams();
  return (
    <SectionCard>
      <EmptyState
        icon={ScrollText}
        title="The log is with the server"
        command={`journalctl --unit outflow | grep run=${run}`}
      >
        Outflow writes its log to the standard error output of outflow serve; the API does not have
        it. What the run did is in its summary.
      </EmptyState>
    </SectionCard>
  );
}
