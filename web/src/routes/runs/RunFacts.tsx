/** The facts of a run: trigger, window, times; and a recount of it. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ScanSearch } from "lucide-react";
import { api, ask } from "../../api/client";
import { keys } from "../../api/keys";
import { toProblem } from "../../api/problem";
import type { RunListEntry } from "../../api/types";
import { counted } from "../../lib/number";
import { syncTime } from "../../lib/run-story";
import { secondsBetween } from "../../lib/time";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/Copy";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import { Duration, Time } from "../../ui/values";
import { setOffBy } from "./triggers";

/** A value of `last_sync_time`, as a time where it is one, and as it stands in the query. */
export function SyncTime({ value, none }: { value: unknown; none: string }) {
  if (value === null || value === undefined) return <span className="muted">{none}</span>;
  const text = String(value);
  const date = syncTime(value);
  return (
    <span className="row">
      {date ? (
        <Time at={date.toISOString()} as="absolute" />
      ) : text === "0" ? (
        <span>the beginning</span>
      ) : null}
      <code className="muted">{text}</code>
      <CopyButton text={text} label="Copy last_sync_time" />
    </span>
  );
}

export function RunFacts({ entry }: { entry: RunListEntry }) {
  const isSkipped = entry.state === "skipped";
  return (
    <SectionCard title="Details" padded>
      <KeyValues
        items={[
          [
            "Sync",
            <Link key="sync" to="/syncs/$sync" params={{ sync: entry.sync }}>
              {entry.sync}
            </Link>,
          ],
          ["Trigger", setOffBy[entry.trigger]],
          [
            isSkipped ? "In its way" : "",
            isSkipped && entry.skipped_by ? (
              <Link key="by" to="/runs/$run" params={{ run: String(entry.skipped_by) }}>
                Run {entry.skipped_by}
              </Link>
            ) : null,
          ],
          [
            "Window from",
            isSkipped ? null : (
              <SyncTime value={entry.last_sync_time} none="the query was not sent" />
            ),
          ],
          [
            "Window to",
            isSkipped ? null : (
              <SyncTime
                value={entry.next_last_sync_time}
                none="last_sync_time stays: nothing was committed"
              />
            ),
          ],
          ["Due", <Time key="due" at={entry.due_at} as="absolute" />],
          ["Began", isSkipped ? null : <Time key="from" at={entry.started_at} as="absolute" />],
          [
            "Ended",
            isSkipped ? null : <Time key="to" at={entry.ended_at} as="absolute" none="not yet" />,
          ],
          [
            "Took",
            entry.ended_at && !isSkipped ? (
              <Duration key="took" seconds={secondsBetween(entry.started_at, entry.ended_at)} />
            ) : null,
          ],
          ["Continued", entry.resumed ? "after a restart of the process that had begun it" : null],
          ["Recounted", isSkipped ? null : <Verify key="verify" entry={entry} />],
        ]}
      />
    </SectionCard>
  );
}

/** Recounts the run from what is kept of it: whether every row is accounted for. */
function Verify({ entry }: { entry: RunListEntry }) {
  const client = useQueryClient();
  const { run, verified } = entry;
  const verify = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/runs/{run}/verify", { params: { path: { run } } })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.run(run) }),
  });
  const found = verify.data?.differences ?? verified?.differences;
  return (
    <div className="stack-tight">
      <span className="row">
        {found === undefined ? (
          <span className="muted">not yet; it happens by itself after the run</span>
        ) : (
          <span>
            {found.length === 0
              ? "Every row is accounted for"
              : counted(found.length, "difference")}
            {verify.data && !verify.data.segments && ", by the state alone"}
            {!verify.data && verified && (
              <>
                , <Time at={verified.at} />
              </>
            )}
          </span>
        )}
        <Button small icon={ScanSearch} pending={verify.isPending} onClick={() => verify.mutate()}>
          Verify
        </Button>
      </span>
      {found && found.length > 0 && (
        <Notice tone="bad" title="The counts do not agree">
          {found.map((text) => (
            <p key={text}>{text}</p>
          ))}
        </Notice>
      )}
      {verify.error && (
        <Notice tone="bad" title={toProblem(verify.error).title} live>
          {toProblem(verify.error).detail}
        </Notice>
      )}
    </div>
  );
}
