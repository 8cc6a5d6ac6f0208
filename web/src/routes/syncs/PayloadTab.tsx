/** The first rows of a run beside the calls that they become, and the requests. Nothing is sent. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Eye, RotateCw } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { PREVIEW_ROWS, previewQuery, type PreviewWindow } from "../../api/queries/preview";
import { usePreferences } from "../../lib/preferences";
import { count, counted } from "../../lib/number";
import { absolute } from "../../lib/time";
import { syncTime } from "../../lib/run-story";
import { Button } from "../../ui/Button";
import { Choice } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { CallPane } from "./CallPane";
import { isRejected, labelOf, type PreviewCall } from "./preview-calls";
import css from "./syncs.module.css";

export const Route = createLazyRoute("/app/syncs/$sync/payload")({ component: PayloadTab });

function PayloadTab() {
  const { sync } = Route.useParams();
  const { as, since, row = 0, show, only } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: Partial<ReturnType<typeof Route.useSearch>>) =>
    void navigate({
      search: (before) => ({ ...before, ...change }),
      replace: true,
      resetScroll: false,
    });
  const may = useMay("rows.read");
  const isAsked = show !== undefined && may;
  const window: PreviewWindow = as === "first" ? { first: true } : since ? { since } : {};
  const calls = useQuery(previewQuery(sync, window, "calls", isAsked));
  const command = `outflow preview ${sync} --calls${as === "first" ? " --since first" : since ? ` --since ${since}` : ""}`;
  return (
    <SectionCard
      title="Payload"
      text={`The first ${PREVIEW_ROWS} rows, each beside the call that it becomes. Nothing is sent.`}
      actions={
        <>
          <Choice
            label="Preview as"
            value={since && !as ? "since" : as === "first" ? "first" : undefined}
            options={[
              { value: undefined, name: "Next run" },
              { value: "first", name: "First run" },
              ...(since ? [{ value: "since" as const, name: "The held window" }] : []),
            ]}
            onChange={(value) =>
              set({
                as: value === "first" ? "first" : value === undefined ? "next" : undefined,
                ...(value === undefined ? { since: undefined } : {}),
                row: undefined,
              })
            }
          />
          <Button
            look={isAsked ? "secondary" : "primary"}
            icon={isAsked ? RotateCw : Eye}
            pending={calls.isFetching}
            disabledReason={!may && needsRole("rows.read")}
            onClick={() => (isAsked ? void calls.refetch() : set({ show: "calls" }))}
          >
            Show calls
          </Button>
        </>
      }
    >
      {!isAsked ? (
        <EmptyState icon={Eye} title="See before it is sent" command={command}>
          The query runs on the database, and its first {PREVIEW_ROWS} rows are shown with their
          calls.
        </EmptyState>
      ) : (
        <Loaded query={calls} permission="rows.read">
          {(data) => (
            <Calls
              sync={sync}
              window={window}
              calls={(data.calls ?? []) as PreviewCall[]}
              from={data.last_sync_time}
              row={row}
              only={only === "rejected"}
              onRow={(value) => set({ row: value })}
              onOnly={(value) => set({ only: value ? "rejected" : undefined })}
            />
          )}
        </Loaded>
      )}
    </SectionCard>
  );
}

interface CallsProps {
  sync: string;
  window: PreviewWindow;
  calls: readonly PreviewCall[];
  /** `last_sync_time` of the preview. */
  from: string;
  row: number;
  only: boolean;
  onRow: (row: number) => void;
  onOnly: (only: boolean) => void;
}

function Calls({ sync, window, calls, from, row, only, onRow, onOnly }: CallsProps) {
  const { zone } = usePreferences();
  const rejected = calls.filter(isRejected).length;
  const date = syncTime(from);
  const since = date ? absolute(date, zone) : from === "0" ? "the beginning" : from;
  if (calls.length === 0) {
    return (
      <EmptyState icon={Eye} title="No rows">
        Nothing has changed since {since}. That is no error: the next run would send nothing. Choose
        First run to see rows.
      </EmptyState>
    );
  }
  const shown = calls
    .map((call, index) => ({ call, index }))
    .filter(({ call }) => !only || isRejected(call));
  const chosen = shown.find(({ index }) => index === row) ?? shown[0];
  return (
    <>
      {rejected > 0 && (
        <Notice
          tone="warn"
          title={`${count(rejected)} of ${counted(calls.length, "row")} would be rejected`}
          actions={
            <Button small onClick={() => onOnly(!only)}>
              {only ? "Show all rows" : "Show rejected rows only"}
            </Button>
          }
        />
      )}
      <div className={css.calls}>
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div className={css.callList} role="group" aria-label="Rows" tabIndex={0}>
          {shown.map(({ call, index }) => (
            <button
              key={index}
              type="button"
              className={css.callRow}
              aria-pressed={index === chosen?.index}
              onClick={() => onRow(index)}
            >
              <span>
                Row {index + 1}
                {isRejected(call) && ", rejected"}
              </span>
              <span className={css.callSub}>{labelOf(call)}</span>
            </button>
          ))}
        </div>
        {chosen && (
          <CallPane
            key={chosen.index}
            sync={sync}
            window={window}
            call={chosen.call}
            index={chosen.index}
          />
        )}
      </div>
      <p className={css.figure}>
        <span className={css.figureMore}>
          {counted(calls.length, "row")} since {since}
        </span>
      </p>
    </>
  );
}
