/** One database: its settings, its health, a test, the SQL of its account, what it can read. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Pencil, PlugZap, Table2, Terminal, Unplug } from "lucide-react";
import { useState } from "react";
import { needsRole } from "../../api/permissions";
import { useChangeDefinition, type Value } from "../../api/queries/definitions";
import { useMay } from "../../api/queries/me";
import { statusQuery } from "../../api/queries/status";
import { syncsQuery } from "../../api/queries/syncs";
import type { DatabaseDocument, DefinitionDocument } from "../../api/types";
import { Button, LinkButton } from "../../ui/Button";
import { ConfirmDialog } from "../../ui/Dialog";
import { isManaged } from "../../ui/Managed";
import { KeyValues, SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { ConnectionTest } from "./ConnectionTest";
import { formOf, secretOf, type SourceType } from "./database-form";
import { HealthText } from "./DatabaseHealth";
import { databaseName, healthOf, sourceName } from "./health";
import { SetupSqlPanel } from "./SetupSqlPanel";
import css from "./sources.module.css";
import { TablesPanel } from "./TablesPanel";
import { useSourceTest } from "./use-source-test";

interface Props {
  document: DatabaseDocument;
  definition: DefinitionDocument | undefined;
  value: Value;
  isOnly: boolean;
}

type Panel = "sql" | "tables";

export function DatabaseCard({ document, definition, value, isOnly }: Props) {
  const { source, database, type } = document;
  const { test, run, cancel } = useSourceTest();
  const [panel, setPanel] = useState<Panel | null>(null);
  const [mayTest, mayWrite] = [useMay("sources.query"), useMay("project.write")];
  const syncs = (useQuery(syncsQuery).data?.syncs ?? []).filter(
    (sync) => sourceName(sync) === source && databaseName(sync) === database,
  );
  const health = healthOf(syncs, useQuery(statusQuery).data);
  const target = `${source}.${database}`;
  const toggle = (next: Panel) => setPanel(panel === next ? null : next);
  const why =
    (!mayWrite && needsRole("project.write")) ||
    (isManaged(definition) && "A file owns it: change the file");
  const noTest = !mayTest && needsRole("sources.query");
  return (
    <SectionCard
      title={
        <span className="row">
          {database}
          <StatusChip status={health.state} tip={health.error?.reason.message} />
        </span>
      }
      actions={
        <>
          <Button
            small
            icon={PlugZap}
            pending={test.state === "running"}
            disabledReason={noTest}
            onClick={() => void run(target)}
            aria-label={`Test ${target}`}
          >
            Test
          </Button>
          {why ? (
            <Button small icon={Pencil} disabledReason={why}>
              Edit
            </Button>
          ) : (
            <LinkButton
              to="/sources/$source/edit-database/$database"
              params={{ source, database }}
              small
              icon={Pencil}
              aria-label={`Edit ${target}`}
            >
              Edit
            </LinkButton>
          )}
        </>
      }
    >
      <div className={css.cardPart}>
        <Settings document={document} value={value} />
        <div className={css.health}>
          <HealthText health={health} />
        </div>
      </div>
      {test.state !== "idle" && (
        <div className={css.cardLine}>
          <ConnectionTest test={test} type={type} onCancel={cancel} />
        </div>
      )}
      <div className={css.cardTools}>
        {type !== "sqlite" && (
          <Button
            small
            look="quiet"
            icon={Terminal}
            aria-expanded={panel === "sql"}
            onClick={() => toggle("sql")}
          >
            SQL for its account
          </Button>
        )}
        <Button
          small
          look="quiet"
          icon={Table2}
          aria-expanded={panel === "tables"}
          disabledReason={noTest}
          onClick={() => toggle("tables")}
        >
          Tables it can read
        </Button>
        {!isOnly && (
          <RemoveDatabase
            document={document}
            definition={definition}
            why={why || (syncs.length > 0 && `Read by ${syncs.map((s) => s.sync).join(", ")}`)}
          />
        )}
      </div>
      {panel === "sql" && (
        <div className={css.cardPanel}>
          <SetupSqlPanel target={target} />
        </div>
      )}
      {panel === "tables" && (
        <div className={css.cardPanel}>
          <TablesPanel target={target} />
        </div>
      )}
    </SectionCard>
  );
}

function Settings({ document, value }: { document: DatabaseDocument; value: Value }) {
  const type = document.type as SourceType;
  const form = formOf(type, document.database, value);
  const secret = secretOf(form.reference);
  const isServer = type !== "sqlite";
  return (
    <KeyValues
      items={[
        ["Address", <code key="address">{document.address}</code>],
        ["User", form.login === "iam" ? "made by AWS IAM" : document.user],
        [
          "Password",
          secret ? (
            <Link key="secret" to="/settings/secrets">
              secret {secret}
            </Link>
          ) : form.reference ? (
            <code key="reference">{form.reference}</code>
          ) : null,
        ],
        ["SSL mode", isServer ? form.ssl : null],
        ["SSH tunnel", form.hasTunnel ? <code key="tunnel">{form.tunnel.host}</code> : null],
        ["Queries at a time", form.maxQueries],
      ]}
    />
  );
}

interface RemoveProps {
  document: DatabaseDocument;
  definition: DefinitionDocument | undefined;
  why: string | false;
}

function RemoveDatabase({ document, definition, why }: RemoveProps) {
  const { source, database } = document;
  const [isOpen, setOpen] = useState(false);
  const change = useChangeDefinition("source", source);
  return (
    <>
      <Button
        small
        look="quiet"
        icon={Unplug}
        disabledReason={why}
        onClick={() => setOpen(true)}
        aria-label={`Remove ${source}.${database}`}
      >
        Remove
      </Button>
      <ConfirmDialog
        title={`Remove the database ${database}?`}
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        action="Remove database"
        onConfirm={() =>
          change.mutateAsync({
            patch: { databases: { [database]: null } },
            ...(definition ? { version: definition.version } : {}),
          })
        }
      >
        <p>No sync reads it, so nothing stops. It can be restored from the versions of {source}.</p>
      </ConfirmDialog>
    </>
  );
}
