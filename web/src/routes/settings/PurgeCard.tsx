/** Removing a person from the calls and rows that are kept: first looked at, then done. */
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { usePurge } from "../../api/queries/project";
import { Button } from "../../ui/Button";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { Count } from "../../ui/values";

export function PurgeCard() {
  const [id, setId] = useState("");
  const [isAsking, setAsking] = useState(false);
  const may = useMay("purge");
  const purge = usePurge();
  const looked = purge.data;
  const person = id.trim();
  return (
    <SectionCard
      title="Remove a person"
      text="From calls, rejected rows and dead letters that are kept. Destinations keep what they have."
      padded
    >
      <div className="stack-tight">
        <Form
          error={purge.error}
          onSubmit={() => person && may && purge.mutate({ id: person, dry_run: true })}
          actions={
            <>
              <Button
                type="submit"
                pending={purge.isPending}
                disabledReason={
                  (!may && needsRole("purge")) || (person === "" && "Type the id first")
                }
              >
                Look
              </Button>
              {looked?.dry_run && looked.runs.length > 0 && (
                <Button look="danger" onClick={() => setAsking(true)}>
                  Remove
                </Button>
              )}
            </>
          }
        >
          <TextField
            label="Id of the person"
            name="id"
            mono
            help="Their userId or anonymousId in calls. Look first: nothing is removed yet."
            value={id}
            onChange={(value) => {
              setId(value);
              purge.reset();
            }}
            autoComplete="off"
          />
        </Form>
        {looked && (
          <Notice
            live
            tone={looked.dry_run ? "idle" : "good"}
            title={
              looked.runs.length === 0
                ? "Nothing of this person is kept"
                : looked.dry_run
                  ? "This would be removed"
                  : "This was removed"
            }
          >
            {looked.reading.length > 0 && (
              <p>
                Runs {looked.reading.join(", ")} are being read and may hold the person afterwards:
                look again then.
              </p>
            )}
          </Notice>
        )}
        {looked && looked.runs.length > 0 && (
          <DataTable
            label="Runs with the person"
            noun="run"
            rows={looked.runs}
            rowKey={({ run }) => run}
            columns={[
              {
                id: "run",
                header: "Run",
                cell: ({ run, sync }) => (
                  <Link to="/runs/$run" params={{ run: String(run) }}>
                    {sync} {run}
                  </Link>
                ),
              },
              {
                id: "calls",
                header: "Calls",
                align: "end",
                cell: (one) => <Count value={one.calls} />,
              },
              {
                id: "cancelled",
                header: "Not sent any more",
                align: "end",
                cell: (one) => <Count value={one.cancelled} />,
              },
              {
                id: "rejections",
                header: "Rejected rows",
                align: "end",
                cell: (one) => <Count value={one.rejections} />,
              },
              {
                id: "dead",
                header: "Dead letters",
                align: "end",
                cell: (one) => <Count value={one.dead_letters} />,
              },
            ]}
          />
        )}
      </div>
      <ConfirmDialog
        title={`Remove ${person}?`}
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        name={person}
        action="Remove person"
        onConfirm={() => purge.mutateAsync({ id: person, dry_run: false })}
      >
        <p>What is kept of them is gone for good, and calls that wait for them are not sent.</p>
      </ConfirmDialog>
    </SectionCard>
  );
}
