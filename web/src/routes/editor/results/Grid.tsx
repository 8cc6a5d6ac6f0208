/**
 * Rows as a grid that stays smooth with hundreds of columns: only the cells that are seen are made.
 * One cell is the present one; arrows, Home, End, Page keys move it, Ctrl+C copies it.
 */
import { CircleAlert, Key } from "lucide-react";
import {
  memo,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type RefObject,
} from "react";
import type { ColumnDocument } from "../../../api/queries/drafts";
import { classes } from "../../../lib/classes";
import type { Target } from "../../../lib/columns";
import { scrolledTo, seenOf, startsOf } from "../../../lib/window";
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
  const across = useMemo(() => startsOf(widths), [widths]);
  const down = useMemo(() => startsOf(entries.map(() => ROW)), [entries]);
  const seen = useSeen(box);
  const [firstRow, endRow] = seenOf(down, seen.top, seen.height, 6);
  const [firstColumn, endColumn] = seenOf(across, seen.left, seen.width, 2);
  const rowsSeen = entries.slice(firstRow, endRow);
  const columnsSeen = columns.slice(firstColumn, endColumn);

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
    const { current } = box;
    if (!current) return;
    const { scrollTop, scrollLeft, clientHeight, clientWidth } = current;
    const [top, left] = [down[next.row]!, across[next.column]!];
    current.scrollTop = scrolledTo(scrollTop, clientHeight, HEAD, top, top + ROW);
    const right = left + widths[next.column]!;
    current.scrollLeft = scrolledTo(scrollLeft, clientWidth, NUMBER, left, right);
  };
  const width = across.at(-1)! + NUMBER;
  return (
    <div
      ref={box}
      className={css.grid}
      role="grid"
      aria-label="Rows"
      aria-rowcount={entries.length + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={cellId(id, spot.row, spot.column)}
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
        {columnsSeen.map((column, offset) => {
          const index = firstColumn + offset;
          return (
            <HeadCell
              key={index}
              index={index}
              left={across[index]! + NUMBER}
              width={widths[index]!}
              column={column}
              target={targets[index]}
              isNow={index === spot.column}
            />
          );
        })}
      </div>
      <div role="rowgroup" className={css.gridBody} style={{ width, height: down.at(-1)! }}>
        {rowsSeen.map((entry, offset) => {
          const row = firstRow + offset;
          return (
            <GridRow
              key={row}
              id={id}
              row={row}
              top={down[row]!}
              width={width}
              entry={entry}
              columns={columns}
              across={across}
              first={firstColumn}
              end={endColumn}
              hasCall={hasCalls}
              now={row === spot.row ? spot.column : null}
              onSpot={onSpot}
            />
          );
        })}
      </div>
    </div>
  );
}

function cellId(grid: string, row: number, column: number): string {
  return `${grid}-${row}-${column}`;
}

interface RowProps {
  id: string;
  row: number;
  top: number;
  width: number;
  entry: Entry;
  columns: readonly ColumnDocument[];
  across: readonly number[];
  /** The columns that are made. */
  first: number;
  end: number;
  hasCall: boolean;
  /** The column of the present cell, if it is in this row. */
  now: number | null;
  onSpot: (spot: Spot) => void;
}

/** A row is made again only if something of it changes: not while one scrolls along. */
const GridRow = memo(function GridRow(props: RowProps) {
  const { id, row, top, width, entry, columns, across, first, end, hasCall, now, onSpot } = props;
  const isWrong = isBad(entry);
  return (
    <div
      role="row"
      aria-rowindex={row + 2}
      aria-selected={now !== null}
      tabIndex={-1}
      className={classes(css.gridRow, now !== null && css.rowNow, isWrong && css.rowBad)}
      style={{ top, width, height: ROW }}
    >
      <div role="rowheader" aria-colindex={1} className={css.number} style={{ width: NUMBER }}>
        {isWrong && <CircleAlert size={14} aria-label="Does not become a call" />}
        {entry.index + 1}
        {!hasCall && <span className="sr-only">, its call is not made yet</span>}
      </div>
      {columns.slice(first, end).map((column, offset) => {
        const index = first + offset;
        const text = cellText(entry.row[column.name], column.type);
        const isCause = entry.rejected?.column === column.name;
        return (
          // The grid takes the keys: `aria-activedescendant` says which cell has them.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={index}
            id={cellId(id, row, index)}
            role="gridcell"
            aria-colindex={index + 2}
            tabIndex={-1}
            className={classes(css.cell, now === index && css.cellNow, isCause && css.cellBad)}
            style={{ left: across[index]! + NUMBER, width: across[index + 1]! - across[index]! }}
            onClick={() => onSpot({ row, column: index })}
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
});

interface Seen {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** The part of a box that is seen: it follows the scroll and the size, once a frame at most. */
function useSeen(box: RefObject<HTMLElement | null>): Seen {
  const [seen, setSeen] = useState<Seen>({ top: 0, left: 0, height: 440, width: 800 });
  useEffect(() => {
    const { current } = box;
    if (!current) return;
    let frame = 0;
    const measure = () => {
      const {
        scrollTop: top,
        scrollLeft: left,
        clientHeight: height,
        clientWidth: width,
      } = current;
      setSeen({ top, left, height, width });
    };
    const later = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(measure);
    };
    const sizes = new ResizeObserver(later);
    sizes.observe(current);
    current.addEventListener("scroll", later, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      sizes.disconnect();
      current.removeEventListener("scroll", later);
    };
  }, [box]);
  return seen;
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
