/** A definition as it stands: who owns it, its present value, its versions. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { definitionQuery, versionsQuery } from "../../api/queries/definitions";
import type { DefinitionDocument, DefinitionKind } from "../../api/types";
import { JsonView } from "../../ui/Code";
import { DataTable, moreOf, type Column } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { ManagedNotice } from "../../ui/Managed";
import { KeyValues, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { actorName } from "./actor";

interface Props {
  kind: DefinitionKind;
  name: string;
}

export function DefinitionPanel({ kind, name }: Props) {
  const definition = useQuery(definitionQuery(kind, name));
  return (
    <Loaded query={definition} what={`The ${kind} ${name}`} permission="project.read">
      {({ value: document }) => (
        <>
          <ManagedNotice definition={document} />
          <SectionCard title="Definition" padded>
            <div className="stack">
              <KeyValues
                items={[
                  ["State", document.status && <StatusChip status={document.status} />],
                  ["Version", document.version],
                  ["Changed", <Time key="at" at={document.at} />],
                  ["By", actorName(document.by)],
                ]}
              />
              <JsonView value={document.value} />
            </div>
          </SectionCard>
        </>
      )}
    </Loaded>
  );
}

const columns: Column<DefinitionDocument>[] = [
  { id: "version", header: "Version", cell: ({ version }) => version },
  { id: "at", header: "Changed", cell: ({ at }) => <Time at={at} /> },
  { id: "by", header: "By", cell: ({ by }) => actorName(by) },
  {
    id: "status",
    header: "State",
    cell: ({ status }) => (status ? <StatusChip status={status} plain /> : "–"),
  },
];

export function VersionsPanel({ kind, name }: Props) {
  const versions = useInfiniteQuery(versionsQuery(kind, name));
  return (
    <SectionCard title="Versions">
      <Loaded query={versions} permission="project.read">
        {({ pages }) => (
          <DataTable
            label="Versions"
            noun="version"
            columns={columns}
            rows={pages.flatMap((page) => page.items)}
            rowKey={({ version }) => version}
            more={moreOf(versions)}
          />
        )}
      </Loaded>
    </SectionCard>
  );
}
