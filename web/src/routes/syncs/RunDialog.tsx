/** A run that differs from the usual one: everything, since a time, a few rows, one destination. */
import { Play } from "lucide-react";
import { useState } from "react";
import type { components } from "../../api/schema";
import type { SyncDetail } from "../../api/types";
import { useStartRun } from "../../api/queries/sync-actions";
import { Button } from "../../ui/Button";
import { CopyButton } from "../../ui/Copy";
import { Dialog } from "../../ui/Dialog";
import { Checkbox, NumberField, RadioCards, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { Select } from "../../ui/Select";

type StartRun = components["schemas"]["StartRun"];
type Started = components["schemas"]["StartedRun"];

const ALL = "all";

interface Props {
  detail: SyncDetail;
  onClose: () => void;
  onStarted: (started: Started) => void;
}

/** The same on the command line. */
function commandOf(sync: string, body: StartRun): string {
  const parts = [`outflow run ${sync}`];
  if (body.full) parts.push("--full");
  if (body.since) parts.push(`--since ${body.since}`);
  if (body.limit) parts.push(`--limit ${body.limit}`);
  if (body.destination) parts.push(`--destination ${body.destination}`);
  if (body.allow_second_ids) parts.push("--allow-second-ids");
  return parts.join(" ");
}

export function RunDialog({ detail, onClose, onStarted }: Props) {
  const { sync, destinations } = detail;
  const [what, setWhat] = useState<"changes" | "full" | "since">("changes");
  const [since, setSince] = useState("");
  const [limit, setLimit] = useState<number | null>(null);
  const [destination, setDestination] = useState(ALL);
  const [allowsSecond, setAllowsSecond] = useState(false);
  const start = useStartRun();
  const isEvents = detail.type === "track" || detail.type === "page" || detail.type === "screen";
  const sinceTime = since ? new Date(since) : null;
  const isSinceWrong = what === "since" && (!sinceTime || Number.isNaN(sinceTime.getTime()));
  const body: StartRun = {
    ...(what === "full" ? { full: true } : {}),
    ...(what === "since" && sinceTime && !isSinceWrong ? { since: sinceTime.toISOString() } : {}),
    ...(limit ? { limit } : {}),
    ...(destination === ALL ? {} : { destination }),
    ...(allowsSecond ? { allow_second_ids: true } : {}),
  };
  const submit = () => {
    if (!isSinceWrong) start.mutate({ sync, ...body }, { onSuccess: onStarted });
  };
  return (
    <Dialog title={`Run ${sync}`} isOpen wide onClose={onClose}>
      <Form
        onSubmit={submit}
        error={start.error}
        actions={
          <>
            <Button type="submit" look="primary" icon={Play} pending={start.isPending}>
              Run
            </Button>
            <Button onClick={onClose}>Cancel</Button>
            <CopyButton text={() => commandOf(sync, body)} label="Copy as command" shown />
          </>
        }
      >
        <RadioCards
          label="Which rows?"
          name="what"
          value={what}
          onChange={setWhat}
          cards={[
            {
              value: "changes",
              title: "What has changed",
              text: "Since the run before: the usual run.",
            },
            {
              value: "full",
              title: "Everything",
              text: "As in the first run: last_sync_time is 0.",
            },
            { value: "since", title: "Since a time", text: "What has changed since then." },
          ]}
        />
        {what === "since" && (
          <TextField
            label="Since"
            name="since"
            type="datetime-local"
            value={since}
            onChange={setSince}
            help="In the zone of this browser."
          />
        )}
        <NumberField
          label="No more rows than"
          name="limit"
          optional
          min={1}
          value={limit}
          onChange={setLimit}
          help="To try it out with a few rows."
        />
        {destinations.length > 1 && (
          <Select
            label="To"
            name="destination"
            options={[
              { value: ALL, label: "All destinations" },
              ...destinations.map((value) => ({ value, label: `${value} alone` })),
            ]}
            value={destination}
            onChange={setDestination}
          />
        )}
        {isEvents && what !== "changes" && (
          <Checkbox
            label="Events may count twice"
            name="allow_second_ids"
            help="Without this, a run that would send events again under a second id is refused."
            checked={allowsSecond}
            onChange={setAllowsSecond}
          />
        )}
      </Form>
    </Dialog>
  );
}
