/** What people and programs did to one thing: the entries of the audit log about it. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { ScrollText } from "lucide-react";
import { useState } from "react";
import { auditQuery } from "../../api/queries/audit";
import type { AuditDocument } from "../../api/types";
import { toYaml } from "../../lib/yaml";
import { Button } from "../../ui/Button";
import { DiffView } from "../../ui/Code";
import { Above, DataTable, moreOf, type Column } from "../../ui/DataTable";
import { Dialog } from "../../ui/Dialog";
import { Loaded } from "../../ui/Loaded";
import { SectionCard } from "../../ui/Page";
import { StatusChip } from "../../ui/StatusChip";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";
import { actorName } from "./actor";

const words: Record<string, [string, string]> = {
  begun: ["running", "Begun"],
  done: ["passed", "Done"],
  refused: ["rejected", "Refused"],
  failed: ["failed", "Failed"],
};

export function AuditPanel({ subject }: { subject: string }) {
  const [shown, setShown] = useState<AuditDocument | null>(null);
  const entries = useInfiniteQuery(auditQuery({ subject }));
  const columns: Column<AuditDocument>[] = [
    { id: "at", header: "When", cell: ({ at }) => <Time at={at} /> },
    { id: "actor", header: "Who", cell: ({ actor }) => actorName(actor) },
    { id: "action", header: "What", cell: ({ action }) => <code>{action}</code> },
    { id: "subject", header: "On", low: true, cell: ({ subject: on }) => <code>{on}</code> },
    {
      id: "result",
      header: "Result",
      cell: ({ result, code }) => {
        const [status, word] = words[result] ?? [result, result];
        return (
          <span className="row">
            <StatusChip status={status} word={word} plain />
            {code && <code>{code}</code>}
          </span>
        );
      },
    },
    {
      id: "diff",
      header: "Difference",
      bare: true,
      align: "end",
      cell: (entry) =>
        entry.before != null || entry.after != null ? (
          <Above>
            <Button
              small
              aria-label={`Show what entry ${entry.number} changed`}
              onClick={() => setShown(entry)}
            >
              Show
            </Button>
          </Above>
        ) : null,
    },
  ];
  return (
    <SectionCard title="Audit log" text="Also what was refused.">
      <Loaded query={entries} permission="audit.read">
        {({ pages }) => (
          <DataTable
            label="Audit log"
            noun="entry"
            columns={columns}
            rows={pages.flatMap((page) => page.items).filter(isAbout(subject))}
            rowKey={({ number }) => number}
            more={moreOf(entries)}
            empty={
              <EmptyState icon={ScrollText} title="Nothing is noted yet">
                Each change is noted here with who made it.
              </EmptyState>
            }
          />
        )}
      </Loaded>
      <Dialog
        title={shown ? `Entry ${shown.number}: ${shown.action}` : "Entry"}
        isOpen={shown !== null}
        onClose={() => setShown(null)}
        wide
      >
        {shown && (
          <DiffView
            before={textOf(shown.before)}
            after={textOf(shown.after)}
            label="Before, after"
          />
        )}
      </Dialog>
    </SectionCard>
  );
}

/** The API takes what a subject begins with: `source/shop` has `source/shop2`, too. */
function isAbout(subject: string) {
  return ({ subject: on }: AuditDocument) =>
    on === subject || on.startsWith(`${subject}.`) || on.startsWith(`${subject}/`);
}

function textOf(value: unknown): string {
  return value == null ? "" : toYaml(value).trimEnd();
}
