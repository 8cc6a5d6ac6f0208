/** The calls that a destination refused for good. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { deadLettersQuery } from "../../api/queries/runs";
import { JsonView } from "../../ui/Code";
import { DataTable, moreOf } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";

export const Route = createLazyRoute("/app/runs/$run/requests")({ component: RequestsTab });

function RequestsTab() {
  const run = Number(Route.useParams().run);
  const { code, destination } = Route.useSearch();
  const query = useInfiniteQuery(
    deadLettersQuery(run, { ...(code ? { code } : {}), ...(destination ? { destination } : {}) }),
  );
  return (
    <SectionCard>
      <Loaded query={query} permission="rows.read">
        {({ pages }) => (
          <DataTable
            label="Dead letters"
            noun="call"
            rows={pages.flatMap((page) => page.items)}
            rowKey={({ destination: to, ordinal }) => `${to} ${ordinal}`}
            more={moreOf(query)}
            columns={[
              { id: "destination", header: "Destination", cell: (letter) => letter.destination },
              { id: "at", header: "When", cell: ({ at }) => <Time at={at} /> },
              { id: "code", header: "Code", cell: (letter) => <code>{letter.code}</code> },
              { id: "status", header: "Status", cell: ({ status }) => status ?? "–" },
              { id: "reason", header: "Reason", cell: ({ reason }) => reason },
              { id: "call", header: "Call", cell: ({ call }) => <JsonView value={call} /> },
            ]}
            empty={
              <EmptyState icon={CircleCheck} title="No dead letters">
                No destination refused a call of this run for good.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
