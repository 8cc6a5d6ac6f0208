/** A definition as it stands: who owns it, its present value, and how to change it. */
import { useQuery } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { definitionQuery } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import type { DefinitionDocument, DefinitionKind } from "../../api/types";
import { definitionYaml } from "../../lib/yaml";
import { Button } from "../../ui/Button";
import { CodeBlock } from "../../ui/Code";
import { Loaded } from "../../ui/Loaded";
import { isManaged, ManagedNotice } from "../../ui/Managed";
import { KeyValues, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { actorName } from "./actor";
import { DefinitionEditor } from "./DefinitionEditor";

export { VersionsPanel } from "./VersionsPanel";

interface Props {
  kind: DefinitionKind;
  name: string;
}

export function DefinitionPanel({ kind, name }: Props) {
  const definition = useQuery(definitionQuery(kind, name));
  return (
    <Loaded query={definition} what={`The ${kind} ${name}`} permission="project.read">
      {({ value: document }) => <Present document={document} />}
    </Loaded>
  );
}

function Present({ document }: { document: DefinitionDocument }) {
  const [isEdited, setEdited] = useState(false);
  const mayWrite = useMay("project.write");
  const isOurs = !isManaged(document);
  const yaml = definitionYaml(`${document.kind}s`, document.name, document.value);
  return (
    <>
      <ManagedNotice definition={document} />
      <SectionCard
        title="Definition"
        text="As it stands in the project."
        padded
        actions={
          isOurs &&
          !isEdited && (
            <Button
              small
              icon={Pencil}
              disabledReason={!mayWrite && needsRole("project.write")}
              onClick={() => setEdited(true)}
            >
              Edit definition
            </Button>
          )
        }
      >
        <div className="stack">
          <KeyValues
            items={[
              ["State", document.status && <StatusChip status={document.status} />],
              ["Version", document.version],
              ["Changed", <Time key="at" at={document.at} />],
              ["By", actorName(document.by)],
              ["Defined in", document.managed_by && <code key="place">{document.managed_by}</code>],
            ]}
          />
          {isEdited ? (
            <DefinitionEditor document={document} onDone={() => setEdited(false)} />
          ) : (
            <CodeBlock text={yaml} label="Copy YAML" />
          )}
        </div>
      </SectionCard>
    </>
  );
}
