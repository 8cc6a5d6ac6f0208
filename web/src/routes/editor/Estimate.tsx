/** What the first run, or the next one, would come to: rows, calls, requests, time. Nothing is sent. */
import { useQuery } from "@tanstack/react-query";
import { Gauge, RotateCw } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { estimateQuery, type EstimateDocument } from "../../api/queries/drafts";
import { useMay } from "../../api/queries/me";
import { count } from "../../lib/number";
import { duration } from "../../lib/time";
import { Button } from "../../ui/Button";
import { Scrolled } from "../../ui/Scrolled";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { EmptyState, Skeleton } from "../../ui/states";
import { Bytes, Count, Duration } from "../../ui/values";
import css from "./editor.module.css";
import { runsPerDay } from "./schedule";

interface Share {
  calls: number;
  filtered: number;
  refused: number;
  requests: number;
  bytes: number;
  seconds: number | null;
}

/** The description of the API leaves this one open. */
function sharesOf({ destinations }: EstimateDocument): [string, Share | null][] {
  return Object.entries(destinations).map(([name, share]) => [name, share as Share | null]);
}

interface Props {
  name: string;
  version: number;
  schedule: unknown;
}

export function Estimate({ name, version, schedule }: Props) {
  const may = useMay("rows.read");
  const query = useQuery({ ...estimateQuery(name, version, true), enabled: may });
  const { data, error } = query;
  const again = (
    <Button small icon={RotateCw} pending={query.isFetching} onClick={() => void query.refetch()}>
      Count again
    </Button>
  );
  return (
    <SectionCard
      title="The first run"
      text="Rows are counted in the database; a sample shows what they become."
      actions={data && again}
      padded
    >
      {!may ? (
        <p className="muted">{needsRole("rows.read")}</p>
      ) : error ? (
        <Notice tone="warn" title="It cannot be estimated" actions={again}>
          {toProblem(error).detail} The sync can be enabled all the same.
        </Notice>
      ) : data ? (
        <Numbers document={data} schedule={schedule} />
      ) : (
        <Skeleton lines={4} label="Counting rows" />
      )}
    </SectionCard>
  );
}

const MANY_ROWS = 1_000_000;

function Numbers({ document, schedule }: { document: EstimateDocument; schedule: unknown }) {
  const { rows, sample, warnings } = document;
  const shares = sharesOf(document);
  const calls = shares.reduce<number | null>(
    (sum, [, share]) => (share && sum !== null ? sum + share.calls : null),
    0,
  );
  const perDay = runsPerDay(schedule);
  if (rows.expected === 0) {
    return (
      <EmptyState icon={Gauge} title="No rows yet">
        The first run would read nothing. The sync can be enabled, and sends what comes later.
      </EmptyState>
    );
  }
  return (
    <div className="stack-tight">
      <dl className={css.figures}>
        <div>
          <dt>Rows</dt>
          <dd>
            {rows.expected == null ? "Not known" : <Count value={rows.expected} />}
            {rows.expected != null && rows.by !== "count" && <small> by the database's plan</small>}
          </dd>
        </div>
        <div>
          <dt>Calls, all destinations</dt>
          <dd>{calls === null ? "Not known" : <Count value={calls} />}</dd>
        </div>
        <div>
          <dt>Rejected, of a sample</dt>
          <dd>
            <Count value={sample.rejected} />
            <small> of {count(sample.rows)} rows</small>
          </dd>
        </div>
        {perDay !== null && (
          <div>
            <dt>Later runs</dt>
            <dd>
              <Count value={Math.round(perDay)} />
              <small> a day</small>
            </dd>
          </div>
        )}
      </dl>
      {rows.expected != null && rows.expected > MANY_ROWS && (perDay ?? 0) > 1 && (
        <Notice tone="warn" title="This is a large first run">
          Choose in Details that the first run begins later than with everything, if destinations
          need not have it all.
        </Notice>
      )}
      {rows.not_counted && (
        <Notice title="Rows were not counted">{rows.not_counted.message}</Notice>
      )}
      {warnings.map(({ code, message, help }) => (
        <Notice key={`${code} ${message}`} tone="warn" title={message}>
          {help} <code>{code}</code>
        </Notice>
      ))}
      <ShareTable shares={shares} />
    </div>
  );
}

function ShareTable({ shares }: { shares: [string, Share | null][] }) {
  if (shares.length === 0) {
    return (
      <Notice tone="warn" title="No destination gets it">
        Connect the source with a destination under Connections.
      </Notice>
    );
  }
  return (
    <Scrolled className={css.tableBox!} label="What each destination would get">
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">Destination</th>
            <th scope="col">Calls</th>
            <th scope="col">Requests</th>
            <th scope="col">Size</th>
            <th scope="col">Takes about</th>
          </tr>
        </thead>
        <tbody>
          {shares.map(([name, share]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {share ? (
                <>
                  <td>
                    <Count value={share.calls} />
                    {share.refused > 0 && <small> · {count(share.refused)} refused</small>}
                    {share.filtered > 0 && <small> · {count(share.filtered)} not for it</small>}
                  </td>
                  <td>
                    <Count value={share.requests} />
                  </td>
                  <td>
                    <Bytes value={share.bytes} />
                  </td>
                  <td data-tip={share.seconds === null ? undefined : duration(share.seconds)}>
                    <Duration seconds={share.seconds} />
                  </td>
                </>
              ) : (
                <td colSpan={4} className="muted">
                  Not known, as the number of rows is not.
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}
