/** All runs, the newest first, narrowed by what is in the address. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { X } from "lucide-react";
import { syncsQuery } from "../../api/queries/syncs";
import type { RunListFilter } from "../../api/queries/run-list";
import { ZOOMS, zoomNames } from "../../lib/zoom";
import { usePreferences } from "../../lib/preferences";
import { short } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Choice } from "../../ui/ListTools";
import { Page, SectionCard } from "../../ui/Page";
import { Select } from "../../ui/Select";
import type { RunsSearch } from "./routes";
import { RunTable } from "./RunTable";
import css from "./runs.module.css";
import { stateGroups } from "./state-groups";

export const Route = createLazyRoute("/app/runs")({ component: RunsScreen });

const ANY = "any";

const kinds = [
  { value: ANY, label: "Any kind" },
  { value: "incremental", label: "Incremental", hint: "What has changed since the run before" },
  { value: "full", label: "Full", hint: "Everything, as in the first run" },
  { value: "since", label: "Since a time" },
  { value: "backfill", label: "Backfill", hint: "What a destination has missed" },
  { value: "replay", label: "Replay", hint: "Calls of an earlier run again" },
];

function RunsScreen() {
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const { zone } = usePreferences();
  const set = (change: RunsSearch) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const syncs = useQuery(syncsQuery).data?.syncs ?? [];
  const filter = Object.fromEntries(
    Object.entries(search).filter(([, value]) => value !== undefined),
  ) as RunListFilter;
  const isNarrow = Object.keys(filter).length > 0;
  const from = search.since ? short(new Date(search.since), zone) : "the beginning";
  const until = search.until ? short(new Date(search.until), zone) : "now";
  return (
    <Page
      title="Runs"
      description="Every run and every skipped slot, the newest first."
      actions={
        search.sync && (
          <Link to="/syncs/$sync/runs" params={{ sync: search.sync }}>
            Timeline of {search.sync}
          </Link>
        )
      }
    >
      <div className={css.filters}>
        <Choice
          label="States"
          value={search.state}
          options={stateGroups}
          onChange={(state) => set({ state })}
        />
        <Choice
          label="Time"
          value={search.within}
          options={[
            { value: undefined, name: "Any time" },
            ...ZOOMS.map((value) => ({ value, name: zoomNames[value] })),
          ]}
          onChange={(within) => set({ within, since: undefined, until: undefined })}
        />
        <Select
          label="Sync"
          name="sync"
          options={[
            { value: ANY, label: "All syncs" },
            ...syncs.map(({ sync, description }) => ({
              value: sync,
              label: sync,
              ...(description ? { hint: description } : {}),
            })),
          ]}
          value={search.sync ?? ANY}
          onChange={(sync) => set({ sync: sync === ANY ? undefined : sync })}
        />
        <Select
          label="Kind"
          name="kind"
          options={kinds}
          value={search.kind ?? ANY}
          onChange={(kind) => set({ kind: kind === ANY ? undefined : kind })}
        />
        {isNarrow && (
          <Button
            look="quiet"
            icon={X}
            onClick={() => void navigate({ search: {}, replace: true })}
          >
            Clear filters
          </Button>
        )}
      </div>
      {(search.since ?? search.until) && (
        <p className="muted">
          Runs that began from {from} to {until}.
        </p>
      )}
      <SectionCard>
        <RunTable filter={filter} />
      </SectionCard>
    </Page>
  );
}
