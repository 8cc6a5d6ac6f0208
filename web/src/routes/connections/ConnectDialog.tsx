/** What a connection brings, before it is switched on: which syncs, how many calls, and the past. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useConnect } from "../../api/queries/connections";
import { useBackfill } from "../../api/queries/gaps";
import { useMay } from "../../api/queries/me";
import { usageQuery } from "../../api/queries/usage";
import type { SyncDocument } from "../../api/types";
import { count, counted } from "../../lib/number";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Failure";
import { RadioCards } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import css from "./connections.module.css";
import { rowsARun, type Pair } from "./matrix";

interface Props {
  pair: Pair;
  syncs: readonly SyncDocument[];
  onClose: () => void;
  onConnected: () => void;
}

type Past = "new" | "all";

export function ConnectDialog({ pair, syncs, onClose, onConnected }: Props) {
  const { source, destination, follow } = pair;
  const [past, setPast] = useState<Past>("new");
  const usage = useQuery(usageQuery()).data;
  const connect = useConnect();
  const backfill = useBackfill();
  const mayRun = useMay("runs.start");
  const rows = rowsARun(follow, usage);
  const enabled = syncs.filter(({ sync, enabled: on }) => on && follow.includes(sync));
  const isDone = connect.isSuccess && (past === "new" || backfill.isSuccess);

  const start = async () => {
    if (!connect.isSuccess) await connect.mutateAsync({ source, destination, connect: true });
    onConnected();
    // Only what this source's syncs have read: other sources may have gaps here that stay.
    if (past === "all") {
      for (const { sync } of enabled) {
        await backfill.mutateAsync({ destination, sync, since: "1970-01-01T00:00:00Z" });
      }
    }
  };
  const isPending = connect.isPending || backfill.isPending;
  return (
    <Dialog
      title={`Connect ${source} with ${destination}?`}
      isOpen
      onClose={onClose}
      actions={
        isDone ? (
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button
              look="primary"
              pending={isPending}
              disabledReason={past === "all" && !mayRun && needsRole("runs.start")}
              onClick={() => void start().catch(() => undefined)}
            >
              Connect
            </Button>
          </>
        )
      }
    >
      {isDone ? (
        <Notice tone="good" title={`${source} sends to ${destination} from now on`} live>
          {past === "all" ? (
            <Link to="/runs">See the backfill&apos;s runs</Link>
          ) : (
            "The next run of each sync sends there."
          )}
        </Notice>
      ) : (
        <div className={css.dialog}>
          <ul className={css.steps}>
            <li>
              {follow.length === 0
                ? "No sync follows the source's list yet: syncs that are added later will."
                : `${counted(follow.length, "sync")} will send to it: ${follow.join(", ")}.`}
              {enabled.length < follow.length &&
                ` ${counted(follow.length - enabled.length, "sync")} of them not enabled.`}
            </li>
            <li>
              {rows === null
                ? "No run this month says how many calls that is."
                : `About ${count(rows)} calls if each sync runs once, as its runs of this month have read.`}
            </li>
            <li>Each call to this destination counts in the usage and its budget.</li>
          </ul>
          <RadioCards
            label="What was read before"
            name="past"
            value={past}
            onChange={setPast}
            cards={[
              {
                value: "new",
                title: "Only what comes now",
                text: "It stays a gap, which can be filled later.",
              },
              {
                value: "all",
                title: "Everything, from the beginning",
                text: "A backfill of each enabled sync begins at once.",
              },
            ]}
          />
          <Failure error={connect.error} what="It was not connected" />
          <Failure error={backfill.error} what="It is connected, but the backfill did not begin" />
        </div>
      )}
    </Dialog>
  );
}
