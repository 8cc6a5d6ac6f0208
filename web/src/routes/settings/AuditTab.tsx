/** Who did what. The entries form a chain: none can be changed or removed without being noticed. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Download, ScrollText } from "lucide-react";
import { auditQuery } from "../../api/queries/audit";
import { AnchorButton } from "../../ui/Button";
import { DataTable, moreOf } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";
import { actorName } from "../definition/actor";

export const Route = createLazyRoute("/app/settings/audit")({ component: AuditTab });

function AuditTab() {
  const search = Route.useSearch();
  const filter = Object.fromEntries(Object.entries(search).filter(([, value]) => value));
  const query = useInfiniteQuery(auditQuery(filter));
  return (
    <SectionCard
      title="Audit log"
      actions={
        <AnchorButton icon={Download} small href="/api/v1/audit/export" download="audit.ndjson">
          Export
        </AnchorButton>
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
            columns={[
              { id: "at", header: "When", cell: ({ at }) => <Time at={at} /> },
              { id: "actor", header: "Who", cell: ({ actor }) => actorName(actor) },
              { id: "action", header: "Did", cell: ({ action }) => <code>{action}</code> },
              { id: "subject", header: "With", cell: ({ subject }) => subject },
              { id: "result", header: "Result", cell: ({ result }) => result },
              {
                id: "address",
                header: "From",
                low: true,
                cell: ({ actor }) => actor.address ?? "–",
              },
            ]}
            empty={
              <EmptyState icon={ScrollText} title="No entry fits">
                Nothing of this kind was done.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
