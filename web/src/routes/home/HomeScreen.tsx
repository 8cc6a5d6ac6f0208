/** Home: is my data flowing? What needs a person, every sync with its last run, what comes next. */
import { usePrefetchQuery, useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { destinationsQuery } from "../../api/queries/destinations";
import { sourcesQuery } from "../../api/queries/sources";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import type { StatusDocument, SyncDocument } from "../../api/types";
import { syncRows } from "../../lib/sync-state";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { Page, SectionCard } from "../../ui/Page";
import { dayQuery } from "./day";
import { DayTimeline } from "./DayTimeline";
import { FirstSteps } from "./FirstSteps";
import css from "./home.module.css";
import { Needs } from "./Needs";
import { needsOf } from "./needs";
import { syncColumns } from "../syncs/sync-rows";
import { Tiles } from "./Tiles";
import { Verdict } from "./Verdict";
import { NextRuns, Waiting } from "./Waiting";

export const Route = createLazyRoute("/app/")({ component: HomeScreen });

/** Home says how each sync is; what it is, its own page says. */
const homeColumns = syncColumns.filter(({ id }) => id !== "type" && id !== "schedule");

function HomeScreen() {
  usePrefetchQuery(dayQuery);
  const syncs = useQuery(syncsQuery);
  const status = useQuery(statusQuery);
  return (
    <Page title="Home" hiddenTitle>
      <Loaded query={syncs} permission="project.read">
        {(project) => (
          <Loaded query={status} permission="status.read">
            {(known) =>
              project.syncs.length === 0 ? (
                <Empty />
              ) : (
                <Overview syncs={project.syncs} status={known} />
              )
            }
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}

function Empty() {
  const source = useQuery(sourcesQuery).data?.items[0]?.source;
  const destinations = useQuery(destinationsQuery).data?.items.length ?? 0;
  return <FirstSteps source={source} hasDestination={destinations > 0} />;
}

function Overview({ syncs, status }: { syncs: SyncDocument[]; status: StatusDocument }) {
  const { sort } = Route.useSearch();
  const navigate = Route.useNavigate();
  const day = useQuery(dayQuery).data;
  const rows = useMemo(() => syncRows(syncs, status), [syncs, status]);
  const needs = useMemo(() => needsOf(status), [status]);
  return (
    <>
      <Verdict rows={rows} needs={needs} status={status} />
      <Tiles rows={rows} status={status} day={day} />
      <Needs needs={needs} />
      {day && <DayTimeline rows={rows} day={day} status={status} />}
      <SectionCard title="Every sync" actions={<Link to="/syncs">All syncs</Link>}>
        <DataTable
          label="Every sync"
          columns={homeColumns}
          rows={rows}
          rowKey={({ sync }) => sync.sync}
          sort={sort ?? "state"}
          onSort={(value) => void navigate({ search: { sort: value }, replace: true })}
        />
      </SectionCard>
      <div className={css.pair}>
        <Waiting status={status} />
        <NextRuns status={status} />
      </div>
    </>
  );
}
