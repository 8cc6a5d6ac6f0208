/** Beside the rows: what the present one becomes, and what each destination would get. */
import { CircleSlash, LoaderCircle } from "lucide-react";
import { useState } from "react";
import type {
  ColumnDocument,
  PreviewHttp,
  PreviewOfDestination,
} from "../../../api/queries/drafts";
import { quoted } from "../../../lib/curl";
import { count } from "../../../lib/number";
import { CodeBlock, JsonView } from "../../../ui/Code";
import { CopyButton } from "../../../ui/Copy";
import { Notice } from "../../../ui/Notice";
import { cellText, requestOf, type Entry } from "./cells";
import css from "./results.module.css";

interface Props {
  entry: Entry | undefined;
  columns: readonly ColumnDocument[];
  destinations: readonly PreviewOfDestination[] | null;
  isMaking: boolean;
  /** The path in the call that the present column fills. */
  marked: string | null;
}

export function CallPane({ entry, columns, destinations, isMaking, marked }: Props) {
  const [tab, setTab] = useState("call");
  const names = [
    "call",
    "row",
    ...(destinations ?? []).map(({ destination }) => `to ${destination}`),
  ];
  const now = names.includes(tab) ? tab : "call";
  if (!entry) return null;
  const of = destinations?.find(({ destination }) => now === `to ${destination}`);
  const titleOf = (name: string) =>
    name === "call" ? "Call" : name === "row" ? "Row" : name.slice(3);
  return (
    <section className={css.pane} aria-label={`Row ${entry.index + 1}`}>
      <div className={css.paneTabs} role="tablist" aria-label="What the row becomes">
        {names.map((name, index) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`pane-${index}`}
            aria-selected={name === now}
            aria-controls="pane"
            tabIndex={name === now ? 0 : -1}
            className={css.paneTab}
            onClick={() => setTab(name)}
            onKeyDown={(event) => {
              const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
              if (step === undefined) return;
              const next = (index + step + names.length) % names.length;
              setTab(names[next]!);
              document.getElementById(`pane-${next}`)?.focus();
            }}
          >
            {titleOf(name)}
          </button>
        ))}
      </div>
      <div
        id="pane"
        role="tabpanel"
        aria-labelledby={`pane-${names.indexOf(now)}`}
        className={css.paneBody}
      >
        {now === "row" ? (
          <RowValues entry={entry} columns={columns} />
        ) : entry.rejected ? (
          <Rejected entry={entry} />
        ) : entry.call === undefined ? (
          <p className={css.paneNote}>
            {isMaking && <LoaderCircle size={14} aria-hidden />}
            {isMaking ? "Making the calls…" : "The calls were not made."}
          </p>
        ) : entry.call === null ? (
          <p className={css.paneNote}>
            The database gave fewer rows when it was read for the calls.
          </p>
        ) : of ? (
          <Request of={of} entry={entry} call={entry.call} />
        ) : (
          <JsonView value={entry.call} marked={marked ? [marked] : []} label="Copy the call" />
        )}
      </div>
    </section>
  );
}

function Rejected({ entry: { rejected, index } }: { entry: Entry }) {
  return (
    <Notice tone="bad" title={`Row ${index + 1} becomes no call`}>
      <p>
        {rejected!.column && (
          <>
            Column <code>{rejected!.column}</code>:{" "}
          </>
        )}
        {rejected!.reason}
      </p>
      <p className="muted">
        <code>{rejected!.code}</code> In a run it is kept among the rejected rows, and the other
        rows go on.
      </p>
    </Notice>
  );
}

function RowValues({ entry, columns }: { entry: Entry; columns: readonly ColumnDocument[] }) {
  return (
    <dl className={css.values}>
      {columns.map(({ name, type }) => {
        const text = cellText(entry.row[name], type);
        return (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {text === null ? (
                <span className={css.null}>NULL</span>
              ) : text === "" ? (
                <span className={css.null}>empty</span>
              ) : (
                text
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

interface RequestProps {
  of: PreviewOfDestination;
  entry: Entry;
  call: Record<string, unknown>;
}

function Request({ of, entry, call }: RequestProps) {
  const refused = entry.refused.find(({ destination }) => destination === of.destination);
  if (refused) {
    return (
      <Notice tone="bad" title={`${of.destination} would refuse this call`}>
        {refused.reason} <code>{refused.code}</code>
      </Notice>
    );
  }
  const request = requestOf(of, call);
  if (!request) {
    return (
      <p className={css.paneNote}>
        <CircleSlash size={14} aria-hidden />
        {of.filtered > 0
          ? "None of its requests has this call: it is not for this destination."
          : "None of its requests shows this call."}
      </p>
    );
  }
  return (
    <div className="stack-tight">
      <p className={css.requestLine}>
        <strong>{request.method}</strong> <span>{request.address}</span>
        {request.method !== "write" && (
          <CopyButton text={() => curlOf(request)} label="Copy as cURL" />
        )}
      </p>
      <p className="muted">
        {request.records === 1
          ? "One call in this request."
          : `${count(request.records)} calls go in this request; this row's is marked.`}
      </p>
      {request.headers.length > 0 && (
        <dl className={css.headers}>
          {request.headers.map(({ name, value }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      <Body request={request} id={typeof call.messageId === "string" ? call.messageId : null} />
    </div>
  );
}

function curlOf({ method, address, headers, body }: PreviewHttp): string {
  const lines = headers
    .filter(({ name }) => name !== "host" && name !== "accept-encoding")
    .map(({ name, value }) => `--header ${quoted(`${name}: ${value}`)}`);
  return [`curl --request ${method}`, ...lines, `--data-raw ${quoted(body)}`, quoted(address)].join(
    " \\\n  ",
  );
}

/** The path of the record that has the call's id in it: `batch.3`. */
function pathOf(value: unknown, id: string, path = ""): string | null {
  if (typeof value !== "object" || value === null) return null;
  const entries = Object.entries(value);
  if (entries.some(([, item]) => item === id)) return path;
  for (const [key, item] of entries) {
    const found = pathOf(item, id, path === "" ? key : `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}

function parsed(text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

/** A body as the destination gets it, with the present call marked and the others left out. */
function Body({ request, id }: { request: PreviewHttp; id: string | null }) {
  // A file has one call in each line.
  const line = id ? request.body.split("\n").find((one) => one.includes(id)) : undefined;
  const text = line ?? request.body;
  const json = parsed(text);
  if (!json) return <CodeBlock text={text} label="Copy the body" />;
  const path = id ? pathOf(json.value, id) : null;
  const isInList = path !== null && /\.\d+$/.test(path);
  const shown = isInList ? onlyAt(json.value, path) : json.value;
  const marked = path ? [path.replace(/\.\d+$/, ".0")] : [];
  return (
    <>
      <JsonView value={shown} marked={marked} label="Copy what is shown" />
      {request.records > 1 && (
        <p className="muted">
          The other calls of the request are left out here.{" "}
          <CopyButton text={request.body} label="Copy the whole body" />
        </p>
      )}
    </>
  );
}

/** The value with a list of one: what lies at the path. */
function onlyAt(value: unknown, path: string): unknown {
  const [head, ...rest] = path.split(".");
  if (head === undefined) return value;
  if (Array.isArray(value)) return [onlyAt(value[Number(head)], rest.join("."))];
  if (rest.length === 0) return { ...(value as object) };
  const object = value as Record<string, unknown>;
  return { ...object, [head]: onlyAt(object[head], rest.join(".")) };
}
