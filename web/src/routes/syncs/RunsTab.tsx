/** The runs of a sync: on a line of time, and as a table with the same data. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { syncQuery } from "../../api/queries/syncs";
import { usePreferences } from "../../lib/preferences";
import { short } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Choice } from "../../ui/ListTools";
import { SectionCard } from "../../ui/Page";
import { RunTable } from "../runs/RunTable";
import { stateGroups } from "../runs/state-groups";
import { usualZoom } from "../../lib/timeline";
import { RunTimeline } from "./RunTimeline";

export const Route = createLazyRoute("/app/syncs/$sync/runs")({ component: RunsTab });

function RunsTab() {
  const { sync } = Route.useParams();
  const { zoom, state, since, until } = Route.useSearch();
  const navigate = Route.useNavigate();
  const { zone } = usePreferences();
  const detail = useQuery(syncQuery(sync)).data;
  return (
    <>
      {detail && (
        <RunTimeline
          detail={detail}
          zoom={zoom ?? usualZoom(detail.schedule)}
          onZoom={(value) =>
            void navigate({
              search: (before) => ({
                ...before,
                zoom: value,
                since: undefined,
                until: undefined,
              }),
              replace: true,
              resetScroll: false,
            })
          }
        />
      )}
      <Choice
        label="States"
        value={state}
        options={stateGroups}
        onChange={(value) =>
          void navigate({
            search: (before) => ({ ...before, state: value }),
            replace: true,
            resetScroll: false,
          })
        }
      />
      <SectionCard
        title="Runs"
        text={
          since && until
            ? `${short(new Date(since), zone)} to ${short(new Date(until), zone)}`
            : "The newest first"
        }
        actions={
          since && (
            <Button
              small
              onClick={() =>
                void navigate({
                  search: (before) => ({ ...before, since: undefined, until: undefined }),
                  resetScroll: false,
                })
              }
            >
              Show all runs
            </Button>
          )
        }
      >
        <RunTable
          filter={{
            sync,
            ...(state ? { state } : {}),
            ...(since ? { since } : {}),
            ...(until ? { until } : {}),
          }}
          without="sync"
        />
      </SectionCard>
    </>
  );
}
