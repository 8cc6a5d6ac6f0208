/** What the files of the project own cannot be changed on the page: this says where it stands. */
import type { DefinitionDocument } from "../api/types";
import { Notice } from "./Notice";

type Owned = Pick<DefinitionDocument, "owner" | "managed_by">;

export function isManaged(definition: Owned | undefined): boolean {
  return definition?.owner === "files";
}

export function ManagedNotice({ definition }: { definition: Owned | undefined }) {
  if (!isManaged(definition)) return null;
  return (
    <Notice title="Managed by a file">
      It stands in <code>{definition?.managed_by ?? "the project's files"}</code>, and can be read
      here but not changed. Change the file, and Outflow takes it over.
    </Notice>
  );
}
