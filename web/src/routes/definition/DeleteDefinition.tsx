/** Removing a definition: it says what stops, and takes the name that is typed. */
import { Trash2 } from "lucide-react";
import { useState, type ReactNode } from "react";
import { needsRole } from "../../api/permissions";
import { useDeleteDefinition } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import type { DefinitionDocument } from "../../api/types";
import { Button } from "../../ui/Button";
import { ConfirmDialog } from "../../ui/Dialog";
import { isManaged } from "../../ui/Managed";
import { SectionCard } from "../../ui/Page";

interface Props {
  document: DefinitionDocument;
  /** What stops, in plain words. */
  children: ReactNode;
  /** Why it cannot be removed yet. */
  blocked?: string | false | undefined;
  onDeleted: () => void;
}

export function DeleteDefinition({ document, children, blocked, onDeleted }: Props) {
  const [isOpen, setOpen] = useState(false);
  const { kind, name, version } = document;
  const remove = useDeleteDefinition(kind, name);
  const mayWrite = useMay("project.write");
  return (
    <SectionCard title={`Delete ${kind}`} padded>
      <div className="stack-tight">
        <div>{children}</div>
        <div>
          <Button
            look="danger"
            icon={Trash2}
            disabledReason={
              (!mayWrite && needsRole("project.write")) ||
              (isManaged(document) && "A file owns it: remove it there") ||
              blocked
            }
            onClick={() => setOpen(true)}
          >
            Delete {kind}
          </Button>
        </div>
      </div>
      <ConfirmDialog
        title={`Delete ${name}?`}
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        name={name}
        action={`Delete ${kind}`}
        onConfirm={async () => {
          await remove.mutateAsync({ version });
          onDeleted();
        }}
      >
        {children}
      </ConfirmDialog>
    </SectionCard>
  );
}
