/** The definition of a source: changing it, and removing it. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute } from "@tanstack/react-router";
import { definitionQuery } from "../../api/queries/definitions";
import { syncsQuery } from "../../api/queries/syncs";
import { counted } from "../../lib/number";
import { DefinitionPanel } from "../definition/DefinitionPanel";
import { DeleteDefinition } from "../definition/DeleteDefinition";
import { sourceName } from "./health";

export const Route = createLazyRoute("/app/sources/$source/settings")({ component: SettingsTab });

function SettingsTab() {
  const { source } = Route.useParams();
  const navigate = Route.useNavigate();
  const document = useQuery(definitionQuery("source", source)).data?.value;
  const syncs = (useQuery(syncsQuery).data?.syncs ?? []).filter((s) => sourceName(s) === source);
  return (
    <>
      <DefinitionPanel kind="source" name={source} />
      {document && (
        <DeleteDefinition
          document={document}
          blocked={
            syncs.length > 0 &&
            `${counted(syncs.length, "sync")} still read it: ${syncs.map(({ sync }) => sync).join(", ")}. Remove them first.`
          }
          onDeleted={() => void navigate({ to: "/sources" })}
        >
          {syncs.length > 0 ? (
            <p>
              These syncs read it, and have to be removed first:{" "}
              <strong>{syncs.map(({ sync }) => sync).join(", ")}</strong>.
            </p>
          ) : (
            <p>
              No sync reads {source}, so nothing stops. Outflow forgets how to reach it; its
              versions and its secret stay. Nothing changes in the database.
            </p>
          )}
        </DeleteDefinition>
      )}
    </>
  );
}
