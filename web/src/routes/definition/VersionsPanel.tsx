/** The versions of a definition: what each changed, against which one, and going back to one. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { GitCompareArrows, History } from "lucide-react";
import { versionsQuery } from "../../api/queries/definitions";
import type { DefinitionDocument, DefinitionKind } from "../../api/types";
import { Button } from "../../ui/Button";
import { Above, DataTable, moreOf, type Column } from "../../ui/DataTable";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";
import { definitionQuery } from "../../api/queries/definitions";
import { actorName } from "./actor";
import { VersionDiff } from "./VersionDiff";

interface Props {
  kind: DefinitionKind;
  name: string;
}

/** What is looked at, in the address: a version, and the one that it is compared with. */
export interface VersionSearch {
  version?: number | undefined;
  with?: number | undefined;
}

export function VersionsPanel({ kind, name }: Props) {
  const search: VersionSearch = useSearch({ strict: false });
  const navigate = useNavigate();
  const versions = useInfiniteQuery(versionsQuery(kind, name));
  const present = useQuery(definitionQuery(kind, name)).data?.value;
  const look = (next: VersionSearch) =>
    void navigate({
      to: ".",
      search: ((before: object) => ({
        ...before,
        version: undefined,
        with: undefined,
        ...next,
      })) as never,
      replace: true,
      resetScroll: false,
    });
  return (
    <SectionCard title="Versions" text="Each change makes one. Nothing is lost by going back.">
      <Loaded query={versions} permission="project.read">
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          const shown = items.find(({ version }) => version === search.version);
          return (
            <>
              {shown && (
                <VersionDiff
                  kind={kind}
                  name={name}
                  version={shown}
                  against={search.with ?? before(items, shown, present)}
                  others={items}
                  present={present}
                  onAgainst={(other) => look({ version: shown.version, with: other })}
                  onClose={() => look({})}
                />
              )}
              <DataTable
                label="Versions"
                noun="version"
                columns={columns(present, search.version, look)}
                rows={items}
                rowKey={({ version }) => version}
                more={moreOf(versions)}
                empty={
                  <EmptyState icon={History} title="No versions yet">
                    The first change makes one.
                  </EmptyState>
                }
              />
            </>
          );
        }}
      </Loaded>
    </SectionCard>
  );
}

/** What a version is compared with unless another is chosen: the one before, or the present one. */
function before(
  items: readonly DefinitionDocument[],
  shown: DefinitionDocument,
  present: DefinitionDocument | undefined,
): number | null {
  const earlier = items.filter(({ version }) => version < shown.version);
  if (earlier.length > 0) return Math.max(...earlier.map(({ version }) => version));
  return present && present.version !== shown.version ? present.version : null;
}

function columns(
  present: DefinitionDocument | undefined,
  shown: number | undefined,
  look: (next: VersionSearch) => void,
): Column<DefinitionDocument>[] {
  return [
    {
      id: "version",
      header: "Version",
      cell: ({ version }) => (
        <span className="row">
          <strong>{version}</strong>
          {version === present?.version && <span className="muted">present</span>}
        </span>
      ),
    },
    { id: "at", header: "Changed", cell: ({ at }) => <Time at={at} /> },
    { id: "by", header: "By", cell: ({ by }) => actorName(by) },
    {
      id: "status",
      header: "State",
      cell: ({ status, renamed }) =>
        renamed ? (
          `Renamed from ${renamed}`
        ) : status ? (
          <StatusChip status={status} plain />
        ) : (
          <StatusChip status="removed" plain />
        ),
    },
    {
      id: "look",
      header: "Look at it",
      bare: true,
      align: "end",
      cell: ({ version }) => (
        <Above>
          <Button
            small
            icon={GitCompareArrows}
            aria-expanded={version === shown}
            aria-label={`Show what version ${version} changed`}
            onClick={() => look(version === shown ? {} : { version })}
          >
            {version === shown ? "Hide" : "Show"}
          </Button>
        </Above>
      ),
    },
  ];
}
