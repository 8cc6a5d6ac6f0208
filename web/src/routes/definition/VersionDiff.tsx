/** One version beside another: the lines that differ, and the way back. */
import { useQuery } from "@tanstack/react-query";
import { RotateCcw, X } from "lucide-react";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import { useMay } from "../../api/queries/me";
import { useRestoreVersion, versionQuery } from "../../api/queries/versions";
import type { DefinitionDocument, DefinitionKind } from "../../api/types";
import { toYaml } from "../../lib/yaml";
import { Button, IconButton } from "../../ui/Button";
import { CodeBlock, DiffView } from "../../ui/Code";
import { Loaded } from "../../ui/Loaded";
import { isManaged } from "../../ui/Managed";
import { Notice } from "../../ui/Notice";
import { Select } from "../../ui/Select";
import { Time } from "../../ui/values";
import { actorName } from "./actor";
import css from "./definition.module.css";

interface Props {
  kind: DefinitionKind;
  name: string;
  version: DefinitionDocument;
  /** The version that it is compared with; null: there is none before it. */
  against: number | null;
  others: readonly DefinitionDocument[];
  present: DefinitionDocument | undefined;
  onAgainst: (version: number) => void;
  onClose: () => void;
}

export function VersionDiff(props: Props) {
  const { kind, name, version, against, others, present, onAgainst, onClose } = props;
  const other = useQuery({
    ...versionQuery(kind, name, against ?? 0),
    enabled: against !== null,
    initialData: others.find((one) => one.version === against),
  });
  const after = textOf(version);
  return (
    <div className={css.version}>
      <div className={css.versionHead}>
        <div>
          <h3>Version {version.version}</h3>
          <p className="muted">
            <Time at={version.at} as="absolute" />, by {actorName(version.by)}
          </p>
        </div>
        <div className="row">
          <Restore kind={kind} name={name} version={version} present={present} />
          <IconButton icon={X} label={`Close version ${version.version}`} small onClick={onClose} />
        </div>
      </div>
      {others.length > 1 && (
        <div className={css.against}>
          <Select
            label="Compared with"
            name="with"
            value={against === null ? null : String(against)}
            placeholder="Nothing: it is the first"
            options={others
              .filter((one) => one.version !== version.version)
              .map((one) => ({
                value: String(one.version),
                label: `Version ${one.version}${one.version === present?.version ? ", the present one" : ""}`,
              }))}
            onChange={(value) => onAgainst(Number(value))}
          />
        </div>
      )}
      {against === null ? (
        <CodeBlock text={after} label="Copy YAML" />
      ) : (
        <Loaded query={other} permission="project.read">
          {(one) => <Difference one={one} other={version} />}
        </Loaded>
      )}
    </div>
  );
}

/** Always from the earlier to the later one. */
function Difference({ one, other }: { one: DefinitionDocument; other: DefinitionDocument }) {
  const [from, to] = one.version < other.version ? [one, other] : [other, one];
  const [before, after] = [textOf(from), textOf(to)];
  const label = `From version ${from.version} to version ${to.version}`;
  if (before === after) return <p className="muted">Both versions say the same.</p>;
  return <DiffView before={before} after={after} label={label} />;
}

function textOf({ value }: DefinitionDocument): string {
  return value == null ? "" : toYaml(value).trimEnd();
}

type RestoreProps = Pick<Props, "kind" | "name" | "version" | "present">;

function Restore({ kind, name, version, present }: RestoreProps) {
  const restore = useRestoreVersion(kind, name);
  const mayWrite = useMay("project.write");
  if (version.value == null || version.version === present?.version) return null;
  const go = () =>
    restore.mutate({
      version: version.version,
      ...(present ? { present: present.version } : {}),
    });
  return (
    <>
      {restore.isSuccess && (
        <Notice tone="good" live>
          It says again what version {version.version} said.
        </Notice>
      )}
      {restore.error && (
        <Notice tone="bad" title={toProblem(restore.error).title} live>
          {toProblem(restore.error).detail}
        </Notice>
      )}
      <Button
        small
        icon={RotateCcw}
        pending={restore.isPending}
        disabledReason={
          (!mayWrite && needsRole("project.write")) ||
          (isManaged(present) && "A file owns it: change the file")
        }
        onClick={go}
      >
        Restore version {version.version}
      </Button>
    </>
  );
}
