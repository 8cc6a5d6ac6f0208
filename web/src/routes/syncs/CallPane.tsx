/** One row of a preview: its call, the row itself, and the requests of each destination. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { previewQuery, type PreviewWindow } from "../../api/queries/preview";
import { counted } from "../../lib/number";
import { CodeBlock, JsonView } from "../../ui/Code";
import { Choice } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { isRejected, type PreviewCall } from "./preview-calls";
import css from "./syncs.module.css";

interface Props {
  sync: string;
  window: PreviewWindow;
  call: PreviewCall;
  index: number;
}

export function CallPane({ sync, window, call, index }: Props) {
  const [shown, setShown] = useState<"row" | "requests" | undefined>();
  if (isRejected(call)) {
    const { code, column, reason, row } = call.rejected;
    return (
      <div className={css.callBody}>
        <Notice tone="bad" title={`${code}${column ? `, column ${column}` : ""}`}>
          {reason}
        </Notice>
        <h3>The row</h3>
        <JsonView value={row} marked={column ? [column] : []} label="Copy row" />
      </div>
    );
  }
  return (
    <div className={css.callBody}>
      <Choice
        label="Show"
        value={shown}
        options={[
          { value: undefined, name: "Call" },
          { value: "row", name: "Row" },
          { value: "requests", name: "Requests" },
        ]}
        onChange={setShown}
      />
      {shown === undefined && <JsonView value={call} label="Copy call" />}
      {shown === "row" && <Row sync={sync} window={window} index={index} />}
      {shown === "requests" && <Requests sync={sync} window={window} />}
    </div>
  );
}

function Row({ sync, window, index }: Omit<Props, "call">) {
  const query = useQuery(previewQuery(sync, window, "rows", true));
  return (
    <Loaded query={query} permission="rows.read">
      {({ rows, columns }) => {
        const found = rows?.[index] as { row?: unknown } | undefined;
        if (!found) return <p className="muted">The row is not there any more.</p>;
        return (
          <>
            <JsonView value={found.row ?? found} label="Copy row" />
            <p className="muted">
              {counted(columns.length, "column")}. The query ran again for the rows: what changed in
              between may differ.
            </p>
          </>
        );
      }}
    </Loaded>
  );
}

/** All rows share requests, so that these are those of the whole preview. */
function Requests({ sync, window }: Pick<Props, "sync" | "window">) {
  const query = useQuery(previewQuery(sync, window, "requests", true));
  const [chosen, setChosen] = useState<string | undefined>();
  return (
    <Loaded query={query} permission="rows.read">
      {(data) => {
        const destinations = data.destinations ?? [];
        const at =
          destinations.find(({ destination }) => destination === chosen) ?? destinations[0];
        if (!at) return <p className="muted">It has no destination yet.</p>;
        return (
          <>
            <Choice
              label="Destination"
              value={at.destination}
              options={destinations.map(({ destination }) => ({
                value: destination,
                name: destination,
              }))}
              onChange={setChosen}
            />
            {at.refused.map((one) => (
              <Notice key={one.row} tone="warn" title={`${one.code}, row ${one.row + 1}`}>
                {one.reason}
              </Notice>
            ))}
            {at.filtered > 0 && (
              <p className="muted">{counted(at.filtered, "call")} filtered: not for it.</p>
            )}
            {at.requests.map((request, place) => (
              <div key={place} className="stack-tight">
                <h3>
                  {request.method} {request.address}
                </h3>
                <p className="muted">{counted(request.records, "call")} in it</p>
                {request.headers.length > 0 && (
                  <CodeBlock
                    text={request.headers.map(({ name, value }) => `${name}: ${value}`).join("\n")}
                    label="Copy headers"
                  />
                )}
                <CodeBlock text={pretty(request.body)} label="Copy body" />
              </div>
            ))}
          </>
        );
      }}
    </Loaded>
  );
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
