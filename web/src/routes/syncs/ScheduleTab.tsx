/** When a sync runs: the next five times, and a change of it with the times that would be. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { CalendarClock, Save } from "lucide-react";
import { useEffect, useState } from "react";
import { api, ask } from "../../api/client";
import { needsRole } from "../../api/permissions";
import { definitionQuery, useChangeDefinition } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { syncQuery } from "../../api/queries/syncs";
import type { DefinitionDocument, SyncDetail } from "../../api/types";
import { patchOf } from "../../lib/merge-patch";
import { localZone } from "../../lib/time";
import { toYaml } from "../../lib/yaml";
import { Button } from "../../ui/Button";
import { DiffView } from "../../ui/Code";
import { DataTable } from "../../ui/DataTable";
import { RadioCards, TextField } from "../../ui/Field";
import { Form } from "../../ui/Form";
import { isManaged, ManagedNotice } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { Select } from "../../ui/Select";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";
import css from "./syncs.module.css";
import {
  formOf,
  presets,
  scheduleOf,
  type Schedule,
  type ScheduleForm,
  type ScheduleKind,
} from "./schedule";

export const Route = createLazyRoute("/app/syncs/$sync/schedule")({ component: ScheduleTab });

function ScheduleTab() {
  const { sync } = Route.useParams();
  const { every } = Route.useSearch();
  const detail = useQuery(syncQuery(sync)).data;
  const definition = useQuery(definitionQuery("sync", sync)).data?.value;
  if (!detail) return null;
  return (
    <>
      <SectionCard title="Next runs" text={detail.schedule}>
        <Slots detail={detail} slots={detail.next_slots} />
      </SectionCard>
      {definition && (
        <Change key={definition.version} sync={sync} definition={definition} every={every} />
      )}
    </>
  );
}

type Slot = SyncDetail["next_slots"][number];

function Slots({ detail, slots }: { detail?: SyncDetail; slots: readonly Slot[] }) {
  const off = detail && (detail.paused_since ? "paused" : detail.enabled ? null : "disabled");
  return (
    <>
      {off && slots.length > 0 && (
        <Notice title={`It is ${off}: these are the times that it would have`} />
      )}
      <DataTable
        label="Next runs"
        rows={slots}
        rowKey={({ at }) => at}
        columns={[
          { id: "at", header: "When", cell: ({ at }) => <Time at={at} /> },
          { id: "time", header: "At", cell: ({ at }) => <Time at={at} as="absolute" /> },
          {
            id: "local",
            header: "In the zone of the schedule",
            low: true,
            cell: ({ local }) => <code>{local.replace("T", " ")}</code>,
          },
          {
            id: "clocks",
            header: "Clocks",
            cell: ({ clocks_change: change }) =>
              change ? "The clocks are changed before it" : <span className="muted">–</span>,
          },
        ]}
        empty={
          <EmptyState icon={CalendarClock} title="It does not run by itself">
            It runs when it is asked for. Press Run now, or give it a schedule.
          </EmptyState>
        }
      />
    </>
  );
}

interface ChangeProps {
  sync: string;
  definition: DefinitionDocument;
  /** An interval that another screen has proposed. */
  every: string | undefined;
}

function Change({ sync, definition, every }: ChangeProps) {
  const before = (definition.value as { schedule?: Schedule } | undefined)?.schedule;
  const [form, setForm] = useState<ScheduleForm>(() => {
    const now = formOf(before, localZone());
    return every ? { ...now, kind: "every", every } : now;
  });
  const set = (change: Partial<ScheduleForm>) => setForm((old) => ({ ...old, ...change }));
  const may = useMay("project.write");
  const change = useChangeDefinition("sync", sync);
  const after = scheduleOf(form);
  const isChanged = toYaml(after) !== toYaml(before ?? "manual");
  const text = JSON.stringify(after);
  const preview = useMutation({
    mutationFn: (schedule: Schedule) =>
      ask(api.POST("/api/v1/schedule/preview", { body: { schedule } as never })),
  });
  const { mutate } = preview;
  useEffect(() => {
    if (!isChanged) return;
    const timer = setTimeout(() => mutate(JSON.parse(text) as Schedule), 300);
    return () => clearTimeout(timer);
  }, [isChanged, text, mutate]);
  if (isManaged(definition)) return <ManagedNotice definition={definition} />;
  // A merge patch: keys that are not said any more are removed.
  const patch = patchOf({ schedule: before }, { schedule: after }) as Record<string, unknown>;
  return (
    <SectionCard title="Change schedule" padded>
      <Form
        onSubmit={() => change.mutate({ patch, version: definition.version })}
        error={change.error ?? (isChanged ? preview.error : null)}
        actions={
          <>
            <Button
              type="submit"
              look="primary"
              icon={Save}
              pending={change.isPending}
              disabledReason={
                (!isChanged && "Nothing is changed yet") || (!may && needsRole("project.write"))
              }
            >
              Save
            </Button>
            {isChanged && (
              <Button onClick={() => setForm(formOf(before, localZone()))}>Discard changes</Button>
            )}
          </>
        }
      >
        <RadioCards<ScheduleKind>
          label="Sync Frequency"
          name="schedule"
          value={form.kind}
          onChange={(kind) => set({ kind })}
          cards={[
            { value: "every", title: "Every so often", text: "In equal steps." },
            { value: "cron", title: "At set times", text: "A cron expression with a zone." },
            { value: "manual", title: "When asked for", text: "By hand, or over the API." },
          ]}
        />
        {form.kind === "every" && (
          <>
            <Select
              label="Interval"
              name="preset"
              options={presets}
              value={presets.some(({ value }) => value === form.every) ? form.every : null}
              placeholder="Another one"
              onChange={(value) => set({ every: value })}
            />
            <TextField
              label="Every"
              name="schedule.every"
              value={form.every}
              onChange={(value) => set({ every: value })}
              help="1m at least: 90s, 15m, 6h, 1d"
              mono
            />
          </>
        )}
        {form.kind === "cron" && (
          <>
            <TextField
              label="Cron"
              name="schedule.cron"
              value={form.cron}
              onChange={(cron) => set({ cron })}
              help="Minute, hour, day of the month, month, day of the week: 0 9 * * 1-5"
              mono
            />
            <TextField
              label="Time zone"
              name="schedule.timezone"
              value={form.timezone}
              onChange={(timezone) => set({ timezone })}
              help={`Such as Europe/Berlin. This browser: ${localZone()}`}
            />
          </>
        )}
      </Form>
      {isChanged && (
        <div className={`stack ${css.below}`}>
          <h3>What changes</h3>
          <DiffView
            before={toYaml({ schedule: before ?? "manual" })}
            after={toYaml({ schedule: after })}
            label="What changes in the schedule"
          />
          {preview.data && (
            <>
              <h3>The next five times would be</h3>
              <Slots slots={preview.data.next_slots} />
            </>
          )}
        </div>
      )}
      {change.isSuccess && !isChanged && (
        <Notice tone="good" title="The schedule is saved" live>
          The running process has taken it over.
        </Notice>
      )}
    </SectionCard>
  );
}
