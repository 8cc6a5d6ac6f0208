/** The rows that could not become a call, each with its values and the reason. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { CircleCheck } from "lucide-react";
import { rejectedQuery } from "../../api/queries/runs";
import { JsonView } from "../../ui/Code";
import { DataTable, moreOf } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";

export const Route = createLazyRoute("/app/runs/$run/rows")({ component: RowsTab });

function RowsTab() {
  const run = Number(Route.useParams().run);
  const { code } = Route.useSearch();
  const query = useInfiniteQuery(rejectedQuery(run, code));
  return (
    <SectionCard>
      <Loaded query={query} permission="rows.read">
        {({ pages }) => (
          <DataTable
            label="Rejected rows"
            noun="row"
            rows={pages.flatMap((page) => page.items)}
            rowKey={({ ordinal }) => ordinal}
            more={moreOf(query)}
            columns={[
              { id: "row", header: "Row", cell: ({ ordinal }) => ordinal },
              { id: "code", header: "Code", cell: (row) => <code>{row.code}</code> },
              { id: "column", header: "Column", cell: ({ column }) => column ?? "–" },
              { id: "reason", header: "Reason", cell: ({ reason }) => reason },
              { id: "values", header: "Values", cell: ({ row }) => <JsonView value={row} /> },
            ]}
            empty={
              <EmptyState icon={CircleCheck} title="No rejected rows">
                Every row of this run became a call, or was the same as before.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
