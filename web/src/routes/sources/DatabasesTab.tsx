/** The databases of a source: where they are, how they are, and what can be done with each. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { definitionQuery, type Value } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { sourcesQuery } from "../../api/queries/sources";
import { LinkButton } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { isManaged, ManagedNotice } from "../../ui/Managed";
import { DatabaseCard } from "./DatabaseCard";
import css from "./sources.module.css";

export const Route = createLazyRoute("/app/sources/$source/databases")({ component: DatabasesTab });

function DatabasesTab() {
  const { source } = Route.useParams();
  const definition = useQuery(definitionQuery("source", source)).data?.value;
  const query = useQuery(sourcesQuery);
  const mayWrite = useMay("project.write");
  const databases = ((definition?.value as Value | null)?.databases ?? {}) as Value;
  return (
    <div className={css.main}>
      <ManagedNotice definition={definition} />
      {mayWrite && definition && !isManaged(definition) && (
        <div>
          <LinkButton to="/sources/$source/add-database" params={{ source }} icon={Plus}>
            Add database
          </LinkButton>
        </div>
      )}
      <Loaded query={query} permission="project.read">
        {({ items }) =>
          items
            .filter((one) => one.source === source)
            .map((one) => (
              <DatabaseCard
                key={one.database}
                document={one}
                definition={definition}
                value={(databases[one.database] ?? {}) as Value}
                isOnly={Object.keys(databases).length <= 1}
              />
            ))
        }
      </Loaded>
    </div>
  );
}
