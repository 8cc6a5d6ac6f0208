/** The syncs of a source. */
import { useQuery } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import { syncRows } from "../../lib/sync-state";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { EmptyState } from "../../ui/states";
import { syncColumns } from "../syncs/sync-rows";

export function SourceSyncs({ source, title }: { source: string; title?: string }) {
  const query = useQuery(syncsQuery);
  const status = useQuery(statusQuery).data;
  return (
    <SectionCard title={title}>
      <Loaded query={query} permission="project.read">
        {({ syncs }) => (
          <DataTable
            label={`Syncs of ${source}`}
            noun="sync"
            columns={syncColumns}
            rows={syncRows(
              syncs.filter((sync) => sync.source.split(".")[0] === source),
              status,
            )}
            rowKey={({ sync }) => sync.sync}
            empty={
              <EmptyState icon={RefreshCw} title="No syncs yet">
                Press Add Sync to say which rows become calls.
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
