/** A held run: what it would send, and the decision. */
import { Link } from "@tanstack/react-router";
import { Check, X } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { useMay } from "../../api/queries/me";
import { useApproveRun, useRejectRun } from "../../api/queries/run-actions";
import type { RunListEntry } from "../../api/types";
import { counted } from "../../lib/number";
import { syncTime } from "../../lib/run-story";
import { Button, LinkButton } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { RadioCards } from "../../ui/Field";
import { Notice } from "../../ui/Notice";
import { KeyValues, SectionCard } from "../../ui/Page";
import { Count } from "../../ui/values";

export function HeldCard({ entry }: { entry: RunListEntry }) {
  const { run, sync } = entry;
  const [isRejecting, setRejecting] = useState(false);
  const may = useMay("runs.decide");
  const approve = useApproveRun();
  const off = !may && needsRole("runs.decide");
  return (
    <SectionCard
      title="Your decision"
      text="Nothing is sent until a person decides."
      actions={
        <>
          <Button icon={X} disabledReason={off} onClick={() => setRejecting(true)}>
            Reject
          </Button>
          <Button
            look="primary"
            icon={Check}
            pending={approve.isPending}
            disabledReason={off}
            onClick={() => approve.mutate(run)}
          >
            Approve
          </Button>
        </>
      }
      padded
    >
      <div className="stack">
        <KeyValues
          items={[
            [
              "Why it is held",
              entry.reason ? `${entry.reason.code}: ${entry.reason.message}` : null,
            ],
            ...Object.entries(entry.destinations).map(
              ([name, delivery]) =>
                [
                  `Would go to ${name}`,
                  <Link key={name} to="/destinations/$destination" params={{ destination: name }}>
                    <Count value={delivery.pending} /> {delivery.pending === 1 ? "call" : "calls"}
                  </Link>,
                ] as const,
            ),
            [
              "Rejected rows",
              entry.rows.rejected > 0 ? (
                <Link key="rows" to="/runs/$run/rows" params={{ run: String(run) }}>
                  {counted(entry.rows.rejected, "row")}
                </Link>
              ) : null,
            ],
          ]}
        />
        <p className="row">
          <LinkButton
            small
            to="/syncs/$sync/payload"
            params={{ sync }}
            search={windowOf(entry.last_sync_time)}
          >
            Preview what it would send
          </LinkButton>
          <span className="muted">
            The preview reads the same window again: rows that have changed since are as they are
            now.
          </span>
        </p>
        {approve.error && (
          <Notice tone="bad" title={toProblem(approve.error).title} live>
            {toProblem(approve.error).detail}
          </Notice>
        )}
      </div>
      <RejectDialog entry={entry} isOpen={isRejecting} onClose={() => setRejecting(false)} />
    </SectionCard>
  );
}

/** The window of the run for a preview: from the beginning, or from its time. */
function windowOf(value: unknown): { show: string; as?: "first"; since?: string } {
  const date = syncTime(value);
  return date ? { show: "calls", since: date.toISOString() } : { show: "calls", as: "first" };
}

interface RejectProps {
  entry: RunListEntry;
  isOpen: boolean;
  onClose: () => void;
}

function RejectDialog({ entry, isOpen, onClose }: RejectProps) {
  const [window, setWindow] = useState<"again" | "skip">("again");
  const reject = useRejectRun();
  const confirm = () =>
    reject.mutate({ run: entry.run, skip_window: window === "skip" }, { onSuccess: onClose });
  return (
    <Dialog
      title={`Reject run ${entry.run} of ${entry.sync}`}
      isOpen={isOpen}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="dangerSolid" pending={reject.isPending} onClick={confirm}>
            Reject run
          </Button>
        </>
      }
    >
      <p>None of its {counted(entry.rows.calls, "call")} is sent. This cannot be undone.</p>
      <RadioCards
        label="And the rows that it read?"
        name="window"
        value={window}
        onChange={setWindow}
        cards={[
          {
            value: "again",
            title: "Read them again",
            text: "last_sync_time stays. The next run reads the same rows, and may be held again.",
          },
          {
            value: "skip",
            title: "Skip them",
            text: "last_sync_time moves as if the run had been sent. These changes never arrive.",
          },
        ]}
      />
      {reject.error && (
        <Notice tone="bad" title={toProblem(reject.error).title} live>
          {toProblem(reject.error).detail}
        </Notice>
      )}
    </Dialog>
  );
}
