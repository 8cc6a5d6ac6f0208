/** The databases of a source: where they are, and who reads them. */
import { useQuery } from "@tanstack/react-query";
import { sourcesQuery } from "../../api/queries/sources";
import { DataTable } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";

export function SourceDatabases({ source, title }: { source: string; title?: string }) {
  const query = useQuery(sourcesQuery);
  return (
    <SectionCard title={title}>
      <Loaded query={query} permission="project.read">
        {({ items }) => (
          <DataTable
            label={`Databases of ${source}`}
            noun="database"
            rows={items.filter((item) => item.source === source)}
            rowKey={({ database }) => database}
            columns={[
              { id: "database", header: "Name", cell: ({ database }) => database },
              { id: "address", header: "Address", cell: ({ address }) => <code>{address}</code> },
              { id: "user", header: "User", cell: ({ user }) => user ?? "–" },
            ]}
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
