/**
 * What each column became, and what no column fills. Without rows it goes by the names that the
 * query writes: a missing field is the very reason why there are none.
 */
import { CircleAlert, Columns3, Wand2 } from "lucide-react";
import { missingOf, targetsOf, type Target } from "../../../lib/columns";
import { aliasesOf } from "../../../lib/sql-text";
import { Button } from "../../../ui/Button";
import { Scrolled } from "../../../ui/Scrolled";
import { Notice } from "../../../ui/Notice";
import { EmptyState } from "../../../ui/states";
import type { StepProps } from "../Editor";
import { textAt, typeOf } from "../model";
import { cellText, rowsOf } from "./cells";
import css from "./results.module.css";

interface Props extends StepProps {
  onReplace: (from: number, to: number, text: string) => void;
}

const kinds: Record<Target["kind"], string> = {
  field: "Field of the call",
  context: "Part of the call",
  rest: "",
  none: "Nothing: this type takes no other columns",
};

/** Where the query names a column with AS, if it does so once: that is what can be renamed. */
function aliasAt(query: string, name: string): { from: number; to: number } | null {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const found = [...query.matchAll(new RegExp(`\\bas\\s+("?)${escaped}\\1(?![\\w$])`, "gi"))];
  if (found.length !== 1) return null;
  const [text, quote] = found[0]!;
  const to = found[0]!.index + text.length;
  return { from: to - name.length - 2 * quote!.length, to };
}

export function Columns({ state, preview, subject, onReplace }: Props) {
  const query = textAt(state.value, "query");
  const type = typeOf(state.value);
  const document = preview.result?.query === query ? preview.result.rows : null;
  const names = document ? document.columns.map(({ name }) => name) : aliasesOf(query);
  if (!type || names.length === 0) {
    return (
      <EmptyState icon={Columns3} title="No columns yet">
        {type
          ? "Run the query, and each of its columns is listed here with what it becomes."
          : "Choose a type in Details: it says which columns the call needs."}
      </EmptyState>
    );
  }
  const targets = targetsOf(type, names);
  const missing = missingOf(type, names);
  const rows = document ? rowsOf(document) : [];
  const example = (name: string, kind: string) => {
    const row = rows.find((one) => one[name] !== null && one[name] !== undefined);
    return row ? cellText(row[name], kind) : null;
  };
  return (
    <div className={css.columns}>
      {!document && (
        <p className={css.paneNote}>
          By the names that the query writes with AS. Run Query shows all columns with their types.
        </p>
      )}
      {missing.length > 0 && (
        <div className={css.notice}>
          <Notice tone={document ? "bad" : "warn"} title={`A ${type} call needs more`}>
            {missing.map((group) => (
              <p key={group.join()}>
                No column fills <code>{group.join(" or ")}</code>
                <Meant group={group} targets={targets} />
              </p>
            ))}
          </Notice>
        </div>
      )}
      <Scrolled className={css.tableBox!} label="What each column becomes">
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">Column</th>
              <th scope="col">Type</th>
              <th scope="col">Becomes</th>
              <th scope="col">Example</th>
            </tr>
          </thead>
          <tbody>
            {targets.map((target, index) => {
              const column = document?.columns[index];
              const place = target.meant ? aliasAt(query, target.column) : null;
              return (
                <tr key={index}>
                  <th scope="row">{target.column}</th>
                  <td className="muted">{column?.declared.toLowerCase() ?? "–"}</td>
                  <td>
                    <code className={target.kind === "field" ? css.isField : undefined}>
                      {target.path ?? "–"}
                    </code>{" "}
                    <span className="muted">{kinds[target.kind]}</span>
                    {target.meant && (
                      <span className={css.meant}>
                        <CircleAlert size={14} aria-hidden />
                        Did you mean {target.meant}?
                        {place && subject.kind !== "read" && (
                          <Button
                            small
                            icon={Wand2}
                            onClick={() => onReplace(place.from, place.to, `"${target.meant}"`)}
                          >
                            Rename to {target.meant}
                          </Button>
                        )}
                      </span>
                    )}
                  </td>
                  <td className={css.exampleCell}>
                    {column ? (
                      (example(target.column, column.type) ?? (
                        <span className={css.null}>NULL in all rows</span>
                      ))
                    ) : (
                      <span className="muted">–</span>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scrolled>
    </div>
  );
}

function Meant({ group, targets }: { group: readonly string[]; targets: readonly Target[] }) {
  const near = targets.find(({ meant }) => meant !== undefined && group.includes(meant));
  if (!near) return <>.</>;
  return (
    <>
      . Is it <code>{near.column}</code>? Did you mean <code>{near.meant}</code>?
    </>
  );
}
