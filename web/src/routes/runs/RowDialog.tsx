/** A rejected row in full: the reason, and every value, with the one at fault marked. */
import type { Rejection } from "../../api/types";
import { CopyButton } from "../../ui/Copy";
import { Dialog } from "../../ui/Dialog";
import { Notice } from "../../ui/Notice";
import css from "./runs.module.css";

interface Props {
  rejection: Rejection;
  onClose: () => void;
}

export function RowDialog({ rejection, onClose }: Props) {
  const { ordinal, code, column, reason, row } = rejection;
  const values = Object.entries(row as Record<string, string | null>);
  return (
    <Dialog
      title={`Row ${ordinal + 1}`}
      isOpen
      wide
      onClose={onClose}
      actions={<CopyButton text={() => JSON.stringify(row, null, 2)} label="Copy row" shown />}
    >
      <Notice tone="bad" title={`${code}${column ? `, column ${column}` : ""}`}>
        {reason}
      </Notice>
      {values.length === 0 ? (
        <p className="muted">Its values are not kept any more.</p>
      ) : (
        <table className={css.values}>
          <tbody>
            {values.map(([name, value]) => (
              <tr key={name} className={name === column ? css.culprit : undefined}>
                <th scope="row">
                  {name}
                  {name === column && <span className="sr-only">, at fault</span>}
                </th>
                <td>
                  {value === null ? (
                    <span className={css.null}>NULL</span>
                  ) : value === "" ? (
                    <span className={css.null}>empty text</span>
                  ) : (
                    <code>{value}</code>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Dialog>
  );
}
