/** Who did what. The entries form a chain: none can be changed or removed without being noticed. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { createLazyRoute, Link } from "@tanstack/react-router";
import { Download, ScrollText, ShieldCheck } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { auditQuery } from "../../api/queries/audit";
import { useVerifyAudit } from "../../api/queries/audit-check";
import { useMay } from "../../api/queries/me";
import type { AuditDocument } from "../../api/types";
import { useNow } from "../../lib/now";
import { counted } from "../../lib/number";
import { AnchorButton, Button } from "../../ui/Button";
import { DataTable, moreOf, RowLink, type Column } from "../../ui/DataTable";
import { Failure } from "../../ui/Failure";
import { FilterSelect, FilterText } from "../../ui/FilterField";
import { Choice } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { actorName } from "../definition/actor";
import { actionWords, areas, resultLooks, sinceOf, spans } from "./audit";
import { AuditEntryDialog } from "./AuditEntryDialog";
import css from "./settings.module.css";

export const Route = createLazyRoute("/app/settings/audit")({ component: AuditTab });

const columns: Column<AuditDocument>[] = [
  {
    id: "did",
    header: "What",
    cell: ({ number, action, subject }) => (
      <RowLink
        to="/settings/audit"
        search={(before: Record<string, unknown>) => ({ ...before, entry: number })}
      >
        {actionWords(action)} <code>{subject}</code>
      </RowLink>
    ),
  },
  { id: "actor", header: "Who", cell: ({ actor }) => actorName(actor) },
  {
    id: "result",
    header: "Result",
    cell: ({ result, code }) => (
      <span className="row">
        <StatusChip plain {...resultLooks(result)} />
        {code && <code>{code}</code>}
      </span>
    ),
  },
  { id: "at", header: "When", cell: ({ at }) => <Time at={at} /> },
  {
    id: "address",
    header: "From",
    low: true,
    cell: ({ actor }) => (actor.address ? <code>{actor.address}</code> : "–"),
  },
  { id: "number", header: "Number", align: "end", low: true, cell: ({ number }) => number },
];

function AuditTab() {
  const { entry, span, actor, action, subject } = Route.useSearch();
  const navigate = Route.useNavigate();
  const set = (change: Record<string, unknown>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  // To the hour, so that the request stays the same while one looks.
  const hour = Math.floor(useNow().getTime() / 3_600_000) * 3_600_000;
  const since = sinceOf(span, hour);
  const query = useInfiniteQuery(
    auditQuery({
      ...(actor ? { actor } : {}),
      ...(action ? { action } : {}),
      ...(subject ? { subject } : {}),
      ...(since ? { since } : {}),
    }),
  );
  const verify = useVerifyAudit();
  const mayRead = useMay("audit.read");
  const isFiltered = Boolean(actor || action || subject || span);
  return (
    <>
      <div className={css.filters}>
        <FilterText
          label="Who"
          placeholder="a name"
          value={actor}
          onChange={(value) => set({ actor: value })}
        />
        <FilterSelect
          label="What"
          options={areas}
          value={action}
          onChange={(value) => set({ action: value })}
        />
        <FilterText
          label="With"
          placeholder="sync/users"
          value={subject}
          onChange={(value) => set({ subject: value })}
        />
        <Choice
          label="Time"
          value={span}
          options={spans}
          onChange={(value) => set({ span: value })}
        />
      </div>
      <Failure error={verify.error} what="The log was not checked" />
      {verify.data &&
        (verify.data.problems.length === 0 ? (
          <Notice tone="good" title="The chain is whole" live onDismiss={verify.reset}>
            {counted(verify.data.entries, "entry")}, number {verify.data.first} to{" "}
            {verify.data.last}: none was changed or removed. The last hash is{" "}
            <code className={css.hash}>{verify.data.last_hash}</code>. Keep it elsewhere: a later
            check can ask for it.
          </Notice>
        ) : (
          <Notice tone="bad" title="The chain is broken" live>
            {verify.data.problems.map((problem) => (
              <p key={problem}>{problem}</p>
            ))}
          </Notice>
        ))}
      <SectionCard
        title="Audit log"
        text="Each entry holds the hash of the one before."
        actions={
          <>
            <Button
              icon={ShieldCheck}
              pending={verify.isPending}
              disabledReason={!mayRead && needsRole("audit.read")}
              onClick={() => verify.mutate()}
            >
              Verify chain
            </Button>
            {mayRead && (
              <AnchorButton icon={Download} href="/api/v1/audit/export" download="audit.ndjson">
                Export
              </AnchorButton>
            )}
          </>
        }
      >
        <Loaded query={query} permission="audit.read">
          {({ pages }) => (
            <DataTable
              label="Audit log"
              noun="entry"
              rows={pages.flatMap((page) => page.items)}
              rowKey={({ number }) => number}
              more={moreOf(query)}
              columns={columns}
              empty={
                <EmptyState
                  icon={ScrollText}
                  title="No entry fits"
                  command="outflow audit list"
                  action={
                    isFiltered && (
                      <Link to="/settings/audit" search={{}}>
                        Show all entries
                      </Link>
                    )
                  }
                >
                  {isFiltered ? "Nothing of this kind was done in this time." : "Nothing was done."}
                </EmptyState>
              }
            />
          )}
        </Loaded>
      </SectionCard>
      {entry !== undefined && (
        <AuditEntryDialog
          number={entry}
          known={query.data?.pages.flatMap((page) => page.items) ?? []}
          onClose={() => set({ entry: undefined })}
        />
      )}
    </>
  );
}
