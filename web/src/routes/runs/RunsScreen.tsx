/** All runs, the newest first. */
import { createLazyRoute } from "@tanstack/react-router";
import { Choice } from "../../ui/ListTools";
import { Page, SectionCard } from "../../ui/Page";
import { RunTable } from "./RunTable";

export const Route = createLazyRoute("/app/runs")({ component: RunsScreen });

const states = [
  { value: undefined, name: "All" },
  { value: "queued,extracting,delivering", name: "In progress" },
  { value: "awaiting_approval", name: "Need approval" },
  { value: "failed,partial,lost", name: "Failed or partial" },
  { value: "succeeded_with_rejected", name: "Rejected rows" },
  { value: "skipped", name: "Skipped" },
] as const;

function RunsScreen() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const filter = Object.fromEntries(
    Object.entries(search).filter(([, value]) => value !== undefined),
  );
  return (
    <Page
      title={search.sync ? `Runs of ${search.sync}` : "Runs"}
      description="Every run and every skipped slot, the newest first."
    >
      <Choice
        label="States"
        value={search.state}
        options={states}
        onChange={(state) =>
          void navigate({ search: (before) => ({ ...before, state }), replace: true })
        }
      />
      <SectionCard>
        <RunTable filter={filter} />
      </SectionCard>
    </Page>
  );
}
