/** The settings of a destination: change them, look at versions, delete it. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { definitionQuery, useDeleteDefinition } from "../../api/queries/definitions";
import { destinationsQuery } from "../../api/queries/destinations";
import { useMay } from "../../api/queries/me";
import { Button } from "../../ui/Button";
import { ConfirmDialog } from "../../ui/Dialog";
import { Loaded } from "../../ui/Loaded";
import { isManaged } from "../../ui/Managed";
import { SectionCard } from "../../ui/Page";
import { DefinitionPanel, VersionsPanel } from "../definition/DefinitionPanel";
import { EditDestination } from "./EditDestination";

export const Route = createLazyRoute("/app/destinations/$destination/settings")({
  component: SettingsTab,
});

function SettingsTab() {
  const { destination } = Route.useParams();
  const query = useQuery(definitionQuery("destination", destination));
  return (
    <Loaded query={query} what={`The destination ${destination}`} permission="project.read">
      {({ value: definition }) => (
        <>
          {isManaged(definition) ? (
            <DefinitionPanel kind="destination" name={destination} />
          ) : (
            <EditDestination key={definition.version} definition={definition} />
          )}
          <VersionsPanel kind="destination" name={destination} />
          {!isManaged(definition) && (
            <DeleteCard destination={destination} version={definition.version} />
          )}
        </>
      )}
    </Loaded>
  );
}

function DeleteCard({ destination, version }: { destination: string; version: number }) {
  const [isAsking, setAsking] = useState(false);
  const remove = useDeleteDefinition("destination", destination);
  const mayWrite = useMay("project.write");
  const navigate = useNavigate();
  const syncs =
    useQuery(destinationsQuery).data?.items.find((one) => one.destination === destination)?.syncs ??
    [];
  return (
    <SectionCard title="Delete" padded>
      <div className="stack-tight">
        <p className="muted">
          {syncs.length > 0
            ? `${syncs.join(", ")} send to it: disconnect them first, in Connections.`
            : "No sync sends to it. Its versions stay, and it can be restored."}
        </p>
        <div className="row">
          <Button
            look="danger"
            disabledReason={!mayWrite && needsRole("project.write")}
            onClick={() => setAsking(true)}
          >
            Delete destination
          </Button>
        </div>
      </div>
      <ConfirmDialog
        title={`Delete ${destination}?`}
        isOpen={isAsking}
        onClose={() => setAsking(false)}
        name={destination}
        action="Delete destination"
        onConfirm={async () => {
          await remove.mutateAsync({ version });
          void navigate({ to: "/destinations" });
        }}
      >
        <p>Calls that still wait for it are not sent, unless it comes back under this name.</p>
      </ConfirmDialog>
    </SectionCard>
  );
}
