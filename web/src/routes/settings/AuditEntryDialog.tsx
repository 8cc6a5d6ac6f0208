/** One entry of the audit log: all that it holds, and what it changed. */
import { useQuery } from "@tanstack/react-query";
import { auditEntryQuery } from "../../api/queries/audit-check";
import type { AuditDocument } from "../../api/types";
import { CopyButton } from "../../ui/Copy";
import { CodeBlock, DiffView } from "../../ui/Code";
import { Dialog } from "../../ui/Dialog";
import { Loaded } from "../../ui/Loaded";
import { KeyValues } from "../../ui/Page";
import { NotFound } from "../../ui/states";
import { StatusChip } from "../../ui/StatusChip";
import { Time } from "../../ui/values";
import { actorName } from "../definition/actor";
import { actionWords, linesOf, resultLooks } from "./audit";
import css from "./settings.module.css";

interface Props {
  number: number;
  known: readonly AuditDocument[];
  onClose: () => void;
}

export function AuditEntryDialog({ number, known, onClose }: Props) {
  const listed = known.find((entry) => entry.number === number);
  const query = useQuery({ ...auditEntryQuery(number), enabled: listed === undefined });
  return (
    <Dialog title={`Entry ${number}`} isOpen onClose={onClose} wide>
      {listed ? (
        <Entry entry={listed} />
      ) : (
        <Loaded query={query} permission="audit.read">
          {(entry) => (entry ? <Entry entry={entry} /> : <NotFound what={`Entry ${number}`} />)}
        </Loaded>
      )}
    </Dialog>
  );
}

function Entry({ entry }: { entry: AuditDocument }) {
  const { actor, before, after } = entry;
  const hasChange = before != null || after != null;
  return (
    <div className={css.changes}>
      <KeyValues
        items={[
          ["What", actionWords(entry.action)],
          ["With", <code key="subject">{entry.subject}</code>],
          ["Who", actorName(actor)],
          ["From", actor.address && <code>{actor.address}</code>],
          [
            "Result",
            <span key="result" className="row">
              <StatusChip {...resultLooks(entry.result)} />
              {entry.code && <code>{entry.code}</code>}
            </span>,
          ],
          ["When", <Time key="at" at={entry.at} as="absolute" />],
          ["Request", actor.request_id && <code>{actor.request_id}</code>],
          [
            "Hash",
            <span key="hash" className="row">
              <code className={css.hash}>{entry.hash}</code>
              <CopyButton text={`${entry.number}:${entry.hash}`} label="Copy number and hash" />
            </span>,
          ],
        ]}
      />
      {hasChange && (
        <div className={css.change}>
          <h3>
            {before == null ? "What it says" : after == null ? "What it said" : "Before and after"}
          </h3>
          {before != null && after != null ? (
            <DiffView before={linesOf(before)} after={linesOf(after)} label="Before and after" />
          ) : (
            <CodeBlock text={linesOf(after ?? before)} />
          )}
        </div>
      )}
    </div>
  );
}
