/** A table of runs by page: of all syncs, or of one. */
import { ListTree } from "lucide-react";
import { useMemo } from "react";
import { useRunList, type RunListFilter } from "../../api/queries/run-list";
import { DataTable } from "../../ui/DataTable";
import { LoadAhead } from "../../ui/LoadAhead";
import { Loaded } from "../../ui/Loaded";
import { EmptyState } from "../../ui/states";
import { runColumns } from "./run-columns";

interface Props {
  filter: RunListFilter;
  /** A column that is left out. */
  without?: string;
}

export function RunTable({ filter, without }: Props) {
  const { query, rows, more } = useRunList(filter);
  const columns = useMemo(() => runColumns(without), [without]);
  const isFiltered = Object.entries(filter).some(([name, value]) => name !== "sync" && value);
  return (
    <Loaded query={query} permission="runs.read">
      {() => (
        <>
          <DataTable
            label="Runs"
            noun="run"
            columns={columns}
            rows={rows}
            rowKey={({ run }) => run}
            more={more}
            empty={
              isFiltered ? (
                <EmptyState icon={ListTree} title="No run fits">
                  No run is of this kind and in these states at this time.
                </EmptyState>
              ) : (
                <EmptyState icon={ListTree} title="No runs yet" command="outflow run --all">
                  A run appears here as soon as a sync is due, or is run by hand.
                </EmptyState>
              )
            }
          />
          <LoadAhead more={more} />
        </>
      )}
    </Loaded>
  );
}
