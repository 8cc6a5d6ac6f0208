/** Changing a database: what differs is shown before it is saved, and it is tested right after. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { createLazyRoute } from "@tanstack/react-router";
import { definitionQuery, type Value } from "../../api/queries/definitions";
import { LinkButton } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { isManaged, ManagedNotice } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import { fitsForm } from "./database-form";
import { DatabaseEdit } from "./DatabaseEdit";
import { databasesLink, sourceTrail } from "./trail";

export const Route = createLazyRoute("/app/sources/$source/edit-database/$database")({
  component: EditDatabaseScreen,
});

function EditDatabaseScreen() {
  const { source, database } = Route.useParams();
  const [undone, setUndone] = useState<number | null>(null);
  const query = useQuery(definitionQuery("source", source));
  return (
    <Page
      title={`Edit ${database}`}
      area={source}
      trail={[...sourceTrail(source), databasesLink(source)]}
    >
      <Loaded query={query} what={`The source ${source}`} permission="project.read">
        {({ value: document }) => {
          const value = ((document.value as Value | null)?.databases as Value | undefined)?.[
            database
          ];
          if (value === undefined) return <NotFound what={`The database ${source}.${database}`} />;
          if (isManaged(document)) return <ManagedNotice definition={document} />;
          if (!fitsForm(value)) {
            return (
              <Notice
                title="This one is changed as text"
                actions={
                  <LinkButton to="/sources/$source/settings" params={{ source }}>
                    Open Settings
                  </LinkButton>
                }
              >
                Parts of its address come from a URL or from the environment, which this form does
                not show.
              </Notice>
            );
          }
          return (
            <>
              {undone !== null && (
                <Notice tone="good" title="The change is undone" live>
                  The source says again what it said before, as version {undone}. A secret keeps its
                  newer value.
                </Notice>
              )}
              <DatabaseEdit
                key={undone}
                document={document}
                database={database}
                onUndone={setUndone}
              />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
