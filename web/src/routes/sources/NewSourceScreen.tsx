/** Which type of source is added. */
import { createLazyRoute } from "@tanstack/react-router";
import { Database } from "lucide-react";
import { DataTable, RowLink } from "../../ui/DataTable";
import { Crumb, Page, SectionCard } from "../../ui/Page";
import { sourceTypes } from "./source-types";

export const Route = createLazyRoute("/app/sources/new")({ component: NewSourceScreen });

function NewSourceScreen() {
  return (
    <Page
      title="Add Source"
      area="Sources"
      trail={<Crumb to="/sources">Sources</Crumb>}
      description="Choose what you read from."
      narrow
    >
      <SectionCard>
        <DataTable
          label="Types of sources"
          rows={sourceTypes}
          rowKey={({ type }) => type}
          columns={[
            {
              id: "name",
              header: "Type",
              cell: ({ type, name }) => (
                <span className="row">
                  <Database size={16} aria-hidden />
                  <RowLink to="/sources/new/$type" params={{ type }}>
                    {name}
                  </RowLink>
                </span>
              ),
            },
            {
              id: "text",
              header: "What it is",
              cell: ({ text }) => <span className="muted">{text}</span>,
            },
          ]}
        />
      </SectionCard>
    </Page>
  );
}
