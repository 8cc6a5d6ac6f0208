/**
 * Rows as a grid that stays smooth with hundreds of columns: only the cells that are seen are made.
 * One cell is the present one; arrows, Home, End, Page keys move it, Ctrl+C copies it.
 */
import { useVirtualizer } from "@tanstack/react-virtual";
import { CircleAlert, Key } from "lucide-react";
import { useEffect, useId, useMemo, useRef, type KeyboardEvent } from "react";
import type { ColumnDocument } from "../../../api/queries/drafts";
import { classes } from "../../../lib/classes";
import type { Target } from "../../../lib/columns";
import { copyText } from "../../../ui/Copy";
import { cellText, isBad, widthOf, type Entry } from "./cells";
import css from "./results.module.css";

export interface Spot {
  row: number;
  column: number;
}

interface Props {
  columns: readonly ColumnDocument[];
  targets: readonly Target[];
  entries: readonly Entry[];
  hasCalls: boolean;
  spot: Spot;
  onSpot: (spot: Spot) => void;
}

const ROW = 30;
const HEAD = 46;
const NUMBER = 64;
const PAGE = 12;

/** Where a key moves the present cell; null: nowhere. */
function moved({ key, ctrlKey, metaKey }: KeyboardEvent, spot: Spot, last: Spot): Spot | null {
  const isFar = ctrlKey || metaKey;
  const { row, column } = spot;
  const to: Record<string, Spot> = {
    ArrowUp: { row: row - 1, column },
    ArrowDown: { row: row + 1, column },
    ArrowLeft: { row, column: column - 1 },
    ArrowRight: { row, column: column + 1 },
    PageUp: { row: row - PAGE, column },
    PageDown: { row: row + PAGE, column },
    Home: { row: isFar ? 0 : row, column: 0 },
    End: { row: isFar ? last.row : row, column: last.column },
  };
  const found = to[key];
  if (!found) return null;
  const within = (number: number, most: number) => Math.max(0, Math.min(most, number));
  return { row: within(found.row, last.row), column: within(found.column, last.column) };
}

export function Grid({ columns, targets, entries, hasCalls, spot, onSpot }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const widths = useMemo(() => {
    const sample = entries.slice(0, 40).map(({ row }) => row);
    return columns.map((column) => widthOf(column, sample));
    // The widths of a result stay while it is filtered.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [columns]);
  // The compiler leaves this component alone: the virtualizer keeps its state in itself.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer({
    count: entries.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 8,
    scrollPaddingStart: HEAD,
  });
  const across = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => widths[index]!,
    overscan: 3,
    scrollPaddingStart: NUMBER,
  });
  useEffect(() => across.measure(), [across, widths]);

  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "c") {
      const column = columns[spot.column];
      if (!column || window.getSelection()?.toString()) return;
      event.preventDefault();
      void copyText(cellText(entries[spot.row]?.row[column.name], column.type) ?? "");
      return;
    }
    const last = { row: entries.length - 1, column: columns.length - 1 };
    const next = moved(event, spot, last);
    if (!next) return;
    event.preventDefault();
    onSpot(next);
    rows.scrollToIndex(next.row, { align: "auto" });
    across.scrollToIndex(next.column, { align: "auto" });
  };
  const seen = across.getVirtualItems();
  const width = across.getTotalSize() + NUMBER;
  const cellId = (at: Spot) => `${id}-${at.row}-${at.column}`;
  return (
    <div
      ref={box}
      className={css.grid}
      role="grid"
      aria-label="Rows"
      aria-rowcount={entries.length + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={cellId(spot)}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div
        role="row"
        aria-rowindex={1}
        tabIndex={-1}
        className={css.gridHead}
        style={{ width, height: HEAD }}
      >
        <div role="columnheader" aria-colindex={1} className={css.corner} style={{ width: NUMBER }}>
          Row
        </div>
        {seen.map(({ index, start, size }) => (
          <HeadCell
            key={index}
            index={index}
            left={start + NUMBER}
            width={size}
            column={columns[index]!}
            target={targets[index]}
            isNow={index === spot.column}
          />
        ))}
      </div>
      <div role="rowgroup" className={css.gridBody} style={{ width, height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index: row, start: top }) => {
          const entry = entries[row]!;
          const isWrong = isBad(entry);
          return (
            <div
              key={row}
              role="row"
              aria-rowindex={row + 2}
              aria-selected={row === spot.row}
              tabIndex={-1}
              className={classes(
                css.gridRow,
                row === spot.row && css.rowNow,
                isWrong && css.rowBad,
              )}
              style={{ top, width, height: ROW }}
            >
              <div
                role="rowheader"
                aria-colindex={1}
                className={css.number}
                style={{ width: NUMBER }}
              >
                {isWrong && <CircleAlert size={14} aria-label="Does not become a call" />}
                {entry.index + 1}
                {!hasCalls && <span className="sr-only">, its call is not made yet</span>}
              </div>
              {seen.map(({ index, start, size }) => {
                const column = columns[index]!;
                const text = cellText(entry.row[column.name], column.type);
                const at = { row, column: index };
                const isNow = row === spot.row && index === spot.column;
                const isCause = entry.rejected?.column === column.name;
                return (
                  // The grid takes the keys: `aria-activedescendant` says which cell has them.
                  // eslint-disable-next-line jsx-a11y/click-events-have-key-events
                  <div
                    key={index}
                    id={cellId(at)}
                    role="gridcell"
                    aria-colindex={index + 2}
                    tabIndex={-1}
                    className={classes(css.cell, isNow && css.cellNow, isCause && css.cellBad)}
                    style={{ left: start + NUMBER, width: size }}
                    onClick={() => onSpot(at)}
                  >
                    {text === null ? (
                      <span className={css.null}>NULL</span>
                    ) : text === "" ? (
                      <span className={css.null}>empty</span>
                    ) : (
                      text.slice(0, 300)
                    )}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface HeadProps {
  index: number;
  left: number;
  width: number;
  column: ColumnDocument;
  target: Target | undefined;
  isNow: boolean;
}

function HeadCell({ index, left, width, column, target, isNow }: HeadProps) {
  const isField = target?.kind === "field";
  return (
    <div
      role="columnheader"
      aria-colindex={index + 2}
      className={classes(css.headCell, isNow && css.headNow)}
      style={{ left, width }}
      data-tip={`${column.name} becomes ${target?.path ?? "nothing"}`}
    >
      <span className={css.headName}>
        {isField && <Key size={12} aria-hidden />}
        {column.name}
      </span>
      <span className={css.headType}>
        {column.declared.toLowerCase()}
        {isField && target.path !== column.name && ` → ${target.path}`}
      </span>
    </div>
  );
}
