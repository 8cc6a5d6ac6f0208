/** A table of runs by page: of all syncs, or of one. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { ListTree } from "lucide-react";
import { runsQuery, type RunFilter } from "../../api/queries/runs";
import { DataTable, moreOf } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { EmptyState } from "../../ui/states";
import { runColumns } from "./run-columns";

interface Props {
  filter: RunFilter;
  /** A column that is left out. */
  without?: string;
}

export function RunTable({ filter, without }: Props) {
  const query = useInfiniteQuery(runsQuery(filter));
  const isFiltered = Boolean(filter.state ?? filter.kind ?? filter.since ?? filter.until);
  return (
    <Loaded query={query} permission="runs.read">
      {({ pages }) => (
        <DataTable
          label="Runs"
          noun="run"
          columns={runColumns(without)}
          rows={pages.flatMap((page) => page.items)}
          rowKey={({ run }) => run}
          more={moreOf(query)}
          empty={
            isFiltered ? (
              <EmptyState icon={ListTree} title="No run fits">
                No run is in these states at this time.
              </EmptyState>
            ) : (
              <EmptyState icon={ListTree} title="No runs yet" command="outflow run --all">
                A run appears here as soon as a sync is due, or is run by hand.
              </EmptyState>
            )
          }
        />
      )}
    </Loaded>
  );
}
