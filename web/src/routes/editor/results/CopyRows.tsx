/** Copies the present cell, the present row, or all rows that are shown. */
import type { ColumnDocument } from "../../../api/queries/drafts";
import { toCsv } from "../../../lib/csv";
import { CopyButton } from "../../../ui/Copy";
import { cellText, type Entry } from "./cells";
import type { Spot } from "./Grid";
import css from "./results.module.css";

interface Props {
  columns: readonly ColumnDocument[];
  entries: readonly Entry[];
  spot: Spot;
}

export function CopyRows({ columns, entries, spot }: Props) {
  const column = columns[spot.column];
  const texts = ({ row }: Entry) => columns.map(({ name, type }) => cellText(row[name], type));
  return (
    <span className={css.copies}>
      <CopyButton
        shown
        small
        label="Copy cell"
        text={() => (column && cellText(entries[spot.row]?.row[column.name], column.type)) ?? ""}
      />
      <CopyButton
        shown
        small
        label="Copy row"
        text={() => JSON.stringify(entries[spot.row]?.row ?? {}, null, 2)}
      />
      <CopyButton
        shown
        small
        label="Copy CSV"
        text={() =>
          toCsv(
            columns.map(({ name }) => name),
            entries.map(texts),
          )
        }
      />
    </span>
  );
}
