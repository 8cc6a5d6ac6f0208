/** Calls that wait for a destination, by sync; they can be given up. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck, Trash2 } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useCancelWaiting } from "../../api/queries/destination-actions";
import { useMay } from "../../api/queries/me";
import { statusQuery } from "../../api/queries/status";
import type { WaitingCalls } from "../../api/types";
import { counted } from "../../lib/number";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Count } from "../../ui/values";

interface Props {
  destination: string;
  waiting: readonly WaitingCalls[];
}

export function WaitingCard({ destination, waiting }: Props) {
  const cancel = useCancelWaiting();
  const may = useMay("runs.decide");
  /** What is asked about: of one sync, or of all. */
  const [asked, setAsked] = useState<{ sync?: string; calls: number } | null>(null);
  const needed = !may && needsRole("runs.decide");
  const held = useQuery(statusQuery).data?.held ?? [];
  /** The oldest run with waiting calls may wait for a person. */
  const stateOf = ({ stopped, oldest }: WaitingCalls) =>
    stopped ? "stopped" : held.some(({ run }) => run === oldest) ? "awaiting_approval" : "queued";
  const all = waiting.reduce((sum, { calls }) => sum + calls, 0);
  return (
    <SectionCard
      title="Calls waiting"
      text="Calls of finished runs that the destination has not taken yet."
      actions={
        waiting.length > 0 && (
          <Button
            look="danger"
            icon={Trash2}
            disabledReason={needed}
            onClick={() => setAsked({ calls: all })}
          >
            Cancel waiting calls
          </Button>
        )
      }
    >
      {cancel.data && (
        <Notice tone="good" live title={`${counted(cancel.data.calls, "call")} given up`}>
          They are a gap now: it can be filled below.
        </Notice>
      )}
      <DataTable
        label="Calls waiting"
        rows={waiting}
        rowKey={({ sync }) => sync}
        columns={[
          {
            id: "sync",
            header: "Sync",
            cell: ({ sync }) => (
              <Link to="/syncs/$sync" params={{ sync }}>
                {sync}
              </Link>
            ),
          },
          {
            id: "calls",
            header: "Calls",
            align: "end",
            cell: ({ calls }) => <Count value={calls} />,
          },
          {
            id: "oldest",
            header: "Since run",
            cell: ({ oldest, sync }) =>
              oldest == null ? (
                "–"
              ) : (
                <Link to="/runs/$run" params={{ run: String(oldest) }}>
                  {oldest}
                  <span className="sr-only"> of {sync}</span>
                </Link>
              ),
          },
          {
            id: "why",
            header: "Why",
            cell: (one) => (
              <span className="row">
                <StatusChip status={stateOf(one)} plain />
                {one.reason && (
                  <span>
                    <code>{one.reason.code}</code> {one.reason.message}
                  </span>
                )}
              </span>
            ),
          },
          {
            id: "cancel",
            header: "Cancel",
            bare: true,
            align: "end",
            cell: ({ sync, calls }) => (
              <Button small disabledReason={needed} onClick={() => setAsked({ sync, calls })}>
                Cancel<span className="sr-only"> the calls of {sync}</span>
              </Button>
            ),
          },
        ]}
        empty={
          <EmptyState icon={CircleCheck} title="Nothing waits">
            Every call of finished runs is settled here.
          </EmptyState>
        }
      />
      <ConfirmDialog
        title={`Cancel ${counted(asked?.calls ?? 0, "waiting call")}?`}
        isOpen={asked !== null}
        onClose={() => setAsked(null)}
        action="Cancel waiting calls"
        onConfirm={() =>
          cancel.mutateAsync({ destination, ...(asked?.sync ? { sync: asked.sync } : {}) })
        }
      >
        <p>
          {asked?.sync ? `Calls of ${asked.sync} that wait` : "All calls that wait"} for{" "}
          {destination} are given up: they are not sent. Other destinations get theirs. The gap is
          kept, and a backfill can send what it holds later.
        </p>
      </ConfirmDialog>
    </SectionCard>
  );
}
