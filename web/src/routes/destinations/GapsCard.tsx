/** What a destination has not got, why, and filling it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck, History } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { gapsQuery, useBackfill } from "../../api/queries/gaps";
import { useMay } from "../../api/queries/me";
import { counted } from "../../lib/number";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { Dialog } from "../../ui/Dialog";
import { Failure } from "../../ui/Failure";
import { Checkbox, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Count, Time } from "../../ui/values";
import { gapsOf, type Gap } from "./gaps";

export function GapsCard({ destination }: { destination: string }) {
  const query = useQuery(gapsQuery());
  const may = useMay("runs.start");
  const [opened, setOpened] = useState<{ sync?: string } | null>(null);
  const needed = !may && needsRole("runs.start");
  return (
    <SectionCard
      title="Gaps"
      text="What the destination has not got, although syncs have read it."
      actions={
        <Button icon={History} disabledReason={needed} onClick={() => setOpened({})}>
          Backfill
        </Button>
      }
    >
      <Loaded query={query} permission="runs.read">
        {(list) => (
          <DataTable
            label="Gaps"
            noun="gap"
            rows={gapsOf(list, destination)}
            rowKey={({ key }) => key}
            columns={[
              {
                id: "sync",
                header: "Sync",
                cell: ({ sync }: Gap) => (
                  <Link to="/syncs/$sync" params={{ sync }}>
                    {sync}
                  </Link>
                ),
              },
              { id: "why", header: "Why", cell: ({ why }) => why },
              {
                id: "runs",
                header: "Runs",
                cell: ({ first, last }) => (
                  <>
                    <Link to="/runs/$run" params={{ run: String(first) }}>
                      {first}
                    </Link>
                    {last !== first && (
                      <>
                        {" to "}
                        <Link to="/runs/$run" params={{ run: String(last) }}>
                          {last}
                        </Link>
                      </>
                    )}
                  </>
                ),
              },
              {
                id: "calls",
                header: "Calls",
                align: "end",
                cell: ({ calls }) => <Count value={calls} />,
              },
              { id: "since", header: "Since", cell: ({ since }) => <Time at={since} /> },
              {
                id: "fill",
                header: "Fill",
                bare: true,
                align: "end",
                cell: ({ sync, filledBy, isOwn }) =>
                  filledBy != null ? (
                    <Link to="/runs/$run" params={{ run: String(filledBy) }}>
                      Run {filledBy} fills it
                    </Link>
                  ) : isOwn ? (
                    <span className="muted">Filled by itself</span>
                  ) : (
                    <Button small disabledReason={needed} onClick={() => setOpened({ sync })}>
                      Backfill<span className="sr-only"> {sync}</span>
                    </Button>
                  ),
              },
            ]}
            empty={
              <EmptyState icon={CircleCheck} title="No gaps" command="outflow gaps">
                The destination has got all that its syncs have read.
              </EmptyState>
            }
          />
        )}
      </Loaded>
      {opened && (
        <BackfillDialog
          destination={destination}
          sync={opened.sync}
          onClose={() => setOpened(null)}
        />
      )}
    </SectionCard>
  );
}

interface DialogProps {
  destination: string;
  sync: string | undefined;
  onClose: () => void;
}

function BackfillDialog({ destination, sync, onClose }: DialogProps) {
  const backfill = useBackfill();
  const [since, setSince] = useState("");
  const [second, setSecond] = useState(false);
  const done = backfill.data;
  const start = () =>
    !backfill.isPending &&
    backfill.mutate({
      destination,
      ...(sync ? { sync } : {}),
      ...(since ? { since: new Date(since).toISOString() } : {}),
      ...(second ? { allow_second_ids: true } : {}),
    });
  return (
    <Dialog
      title={`Backfill ${destination}`}
      isOpen
      onClose={onClose}
      actions={
        done && (
          <Button look="primary" onClick={onClose}>
            Done
          </Button>
        )
      }
    >
      {done ? (
        <Notice
          live
          tone="good"
          title={
            done.runs.length === 0
              ? "The destination has missed nothing"
              : `${counted(done.runs.length, "run")} begun`
          }
        >
          {done.runs.map(({ sync: name, run }) => (
            <p key={name}>
              {run != null ? (
                <Link to="/runs/$run" params={{ run: String(run) }}>
                  {name}, run {run}
                </Link>
              ) : (
                `${name} begins when its present run has ended`
              )}
            </p>
          ))}
        </Notice>
      ) : (
        <Form
          onSubmit={start}
          actions={
            <>
              <Button type="submit" look="primary" pending={backfill.isPending}>
                Start backfill
              </Button>
              <Button onClick={onClose}>Cancel</Button>
            </>
          }
        >
          <p className="muted">
            {sync ? `The sync ${sync} reads` : "Each enabled sync of this destination reads"} what
            the destination has not got, and sends it to this destination alone.
          </p>
          <TextField
            label="From this time on"
            name="since"
            type="datetime-local"
            optional
            help="In your time zone. Without it: from where the gap begins."
            value={since}
            onChange={setSince}
          />
          <Checkbox
            label="Send events under second ids if needed"
            name="allow_second_ids"
            help="The destination may count these events twice."
            checked={second}
            onChange={setSecond}
          />
          <Failure error={backfill.error} what="No backfill was begun" />
        </Form>
      )}
    </Dialog>
  );
}
