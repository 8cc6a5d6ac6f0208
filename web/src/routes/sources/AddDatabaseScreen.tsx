/** Adding another database to a source. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { definitionQuery, type Value } from "../../api/queries/definitions";
import { LinkButton } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { isManaged, ManagedNotice } from "../../ui/Managed";
import { Page, Stepper } from "../../ui/Page";
import type { SourceType } from "./database-form";
import { DatabaseSetup } from "./DatabaseSetup";
import { setupSteps } from "./wizard";
import { sourceTrail } from "./trail";

export const Route = createLazyRoute("/app/sources/$source/add-database")({
  component: AddDatabaseScreen,
});

function AddDatabaseScreen() {
  const { source } = Route.useParams();
  const { next } = Route.useSearch();
  const navigate = Route.useNavigate();
  const query = useQuery(definitionQuery("source", source));
  const done = (database: string) =>
    next === "sync"
      ? void navigate({ to: "/sources/$source/add-sync", params: { source }, search: { database } })
      : void navigate({ to: "/sources/$source/databases", params: { source } });
  return (
    <Page
      title="Add database"
      area={source}
      trail={sourceTrail(source)}
      description={`Another database within ${source}, such as its replica. Each sync names the one that it reads.`}
    >
      {next === "sync" && <Stepper steps={setupSteps} at={0} />}
      <Loaded query={query} what={`The source ${source}`} permission="project.read">
        {({ value: document }) => {
          if (isManaged(document)) return <ManagedNotice definition={document} />;
          const value = document.value as Value;
          return (
            <DatabaseSetup
              type={value.type as SourceType}
              present={document}
              taken={Object.keys((value.databases ?? {}) as Value)}
              onDone={({ place }) => done(place.database)}
              cancel={
                <LinkButton to="/sources/$source/databases" params={{ source }} look="quiet">
                  Back
                </LinkButton>
              }
            />
          );
        }}
      </Loaded>
    </Page>
  );
}
