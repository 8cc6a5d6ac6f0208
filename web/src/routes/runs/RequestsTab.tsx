/** The calls that destinations refused for good: by cause, then each with the answer it got. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { CircleCheck, RotateCw } from "lucide-react";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { needsRole } from "../../api/permissions";
import { useMay } from "../../api/queries/me";
import { deadLettersQuery } from "../../api/queries/run-actions";
import type { Cause, DeadLetter } from "../../api/types";
import { count, counted } from "../../lib/number";
import { Button } from "../../ui/Button";
import { DataTable, moreOf, RowLink, type Column } from "../../ui/DataTable";
import { DownloadMenu } from "../../ui/DownloadMenu";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";
import { EditLink } from "../syncs/EditLink";
import { Group, Groups } from "./Group";
import { LetterDialog } from "./LetterDialog";
import { ReplayDialog, type ReplayScope } from "./ReplayDialog";
import { useRunView } from "./run-context";
import css from "./runs.module.css";

export const Route = createLazyRoute("/app/runs/$run/requests")({ component: RequestsTab });

const PAGE = 500;

function keyOf({ destination, position }: DeadLetter): string {
  return `${destination}:${position}`;
}

function RequestsTab() {
  const { entry } = useRunView();
  const { run, sync } = entry;
  const { code, destination, letter } = Route.useSearch();
  const navigate = Route.useNavigate();
  const [scope, setScope] = useState<ReplayScope | null>(null);
  const filter = { ...(code ? { code } : {}), ...(destination ? { destination } : {}) };
  const query = useInfiniteQuery(deadLettersQuery(run, filter));
  const close = () =>
    void navigate({ search: (before) => ({ ...before, letter: undefined }), resetScroll: false });
  return (
    <Loaded query={query} permission="rows.read">
      {({ pages }) => {
        const letters = pages.flatMap((page) => page.items);
        const causes = pages[0]?.causes ?? [];
        const opened = letters.find((one) => keyOf(one) === letter);
        return (
          <>
            {causes.length > 0 && (
              <SectionCard title="Why" text="Refused calls by destination and answer.">
                <Groups label="Causes">
                  {causes.map((cause) => (
                    <CauseView
                      key={`${cause.destination} ${cause.code} ${cause.status ?? ""} ${cause.reason}`}
                      cause={cause}
                      run={run}
                      sync={sync}
                      isChosen={code === cause.code && destination === cause.destination}
                      onReplay={setScope}
                    />
                  ))}
                </Groups>
              </SectionCard>
            )}
            <SectionCard
              title="Dead letters"
              text="Calls that a destination refused for good, with its answer"
              actions={
                <>
                  {(code ?? destination) && (
                    <Link to="/runs/$run/requests" params={{ run: String(run) }}>
                      All dead letters
                    </Link>
                  )}
                  <DownloadMenu
                    name={`run-${run}-dead-letters`}
                    noun="call"
                    page={async (cursor, signal) => {
                      const found = { ...filter, limit: PAGE, ...(cursor ? { cursor } : {}) };
                      const params = { path: { run }, query: found };
                      const page = await ask(
                        api.GET("/api/v1/runs/{run}/dead-letters", { params, signal }),
                      );
                      return { items: page.items, next: page.next_cursor ?? null };
                    }}
                    flat={(one) => ({ ...one })}
                  />
                </>
              }
            >
              <DataTable
                label="Dead letters"
                noun="call"
                rows={letters}
                rowKey={keyOf}
                more={moreOf(query)}
                columns={columns}
                empty={
                  <EmptyState icon={CircleCheck} title="No dead letters">
                    {code || destination
                      ? "None fits. Show all dead letters of the run."
                      : "No destination refused a call of this run for good."}
                  </EmptyState>
                }
              />
            </SectionCard>
            {opened && (
              <LetterDialog
                letter={opened}
                onClose={close}
                onReplay={() =>
                  setScope({
                    what: "dead_letters",
                    code: opened.code,
                    destination: opened.destination,
                    words: `dead letters of ${opened.destination} with ${opened.code}`,
                  })
                }
              />
            )}
            {scope && <ReplayDialog entry={entry} scope={scope} onClose={() => setScope(null)} />}
          </>
        );
      }}
    </Loaded>
  );
}

const columns: Column<DeadLetter>[] = [
  {
    id: "row",
    header: "Row",
    cell: (letter) => (
      <RowLink
        from="/runs/$run/requests"
        to="."
        search={((before: object) => ({ ...before, letter: keyOf(letter) })) as never}
        resetScroll={false}
      >
        <span className="nowrap">{count(letter.ordinal + 1)}</span>
      </RowLink>
    ),
  },
  { id: "destination", header: "Destination", cell: ({ destination }) => destination },
  { id: "status", header: "Answer", cell: ({ status }) => status ?? "not sent" },
  { id: "code", header: "Code", low: true, cell: ({ code }) => <code>{code}</code> },
  {
    id: "reason",
    header: "What the destination said",
    cell: ({ reason }) => <span className={css.clip}>{reason}</span>,
  },
  { id: "at", header: "When", low: true, cell: ({ at }) => <Time at={at} /> },
  {
    id: "replayed",
    header: "Replayed",
    cell: ({ replayed_by: by }) =>
      by ? (
        <Link to="/runs/$run" params={{ run: String(by) }}>
          run {by}
        </Link>
      ) : (
        <span className="muted">no</span>
      ),
  },
];

interface CauseProps {
  cause: Cause;
  run: number;
  sync: string;
  isChosen: boolean;
  onReplay: (scope: ReplayScope) => void;
}

function CauseView({ cause, run, sync, isChosen, onReplay }: CauseProps) {
  const may = useMay("runs.start");
  const { code, destination, dead_letters: letters, replayed, status, reason } = cause;
  return (
    <Group
      isChosen={isChosen}
      count={
        <Link to="/runs/$run/requests" params={{ run: String(run) }} search={{ code, destination }}>
          {counted(letters, "call")}
        </Link>
      }
      title={reason}
      actions={
        <>
          <EditLink sync={sync} step="query" small>
            Edit query
          </EditLink>
          <Button
            small
            icon={RotateCw}
            disabledReason={!may && needsRole("runs.start")}
            onClick={() =>
              onReplay({
                what: "dead_letters",
                code,
                destination,
                words: `${counted(letters, "dead letter")} of ${destination} with ${code}`,
              })
            }
          >
            Replay
          </Button>
        </>
      }
    >
      <code>{code}</code> {destination}
      {status ? ` answered ${status}` : " was not asked"}
      {replayed > 0 && `, ${count(replayed)} replayed`}
    </Group>
  );
}
