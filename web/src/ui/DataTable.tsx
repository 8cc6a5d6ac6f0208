/**
 * A table of rows that are links. `j` and `k` go from row to row, Enter opens one. Long tables draw
 * only the rows that are seen. On narrow screens each row is a card. Sorting is the caller's state,
 * so that it can stand in the address: `name`, or `-name` for the other direction.
 */
import { createLink } from "@tanstack/react-router";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import {
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type AnchorHTMLAttributes,
  type ReactNode,
  type Ref,
} from "react";
import { classes } from "../lib/classes";
import { counted } from "../lib/number";
import { nextSort, sorted, type SortValue } from "../lib/sort";
import { Button } from "./Button";
import css from "./table.module.css";
import { useRowKeys } from "./use-row-keys";

export interface Column<R> {
  id: string;
  header: string;
  cell: (row: R) => ReactNode;
  /** Makes the column sortable. */
  sort?: (row: R) => SortValue;
  /** Numbers stand at the right. */
  align?: "end";
  /** Not shown where there is little room, other than on cards. */
  low?: boolean;
  /** Without a visible header: for actions. */
  bare?: boolean;
}

export interface More {
  hasMore: boolean;
  isLoading: boolean;
  load: () => void;
}

interface Props<R> {
  /** What the rows are: `Runs`. */
  label: string;
  columns: readonly Column<R>[];
  rows: readonly R[];
  rowKey: (row: R) => string | number;
  sort?: string | undefined;
  onSort?: (sort: string | undefined) => void;
  /** The next page of the API. */
  more?: More;
  /** In place of a table without rows. */
  empty?: ReactNode;
  /** One row, for the line below: `run`. */
  noun?: string;
}

/** Longer tables draw what is seen alone. */
const VIRTUAL_FROM = 100;
const ROW_PX = 37;

export function DataTable<R>(props: Props<R>) {
  const { label, columns, rows, rowKey, sort, onSort, more, empty, noun } = props;
  const shown = useMemo(() => {
    const column = columns.find((one) => one.id === sort?.replace(/^-/, ""));
    return column?.sort ? sorted(rows, column.sort, sort!.startsWith("-")) : rows;
  }, [columns, rows, sort]);
  const body = useRef<HTMLTableSectionElement>(null);
  const isVirtual = shown.length > VIRTUAL_FROM;
  if (rows.length === 0 && !more?.hasMore && empty) return empty;
  const parts = { columns, rows: shown, rowKey, body };
  return (
    <>
      <table className={css.table} aria-label={label} aria-rowcount={shown.length + 1}>
        <thead>
          <tr>
            {columns.map((column) => (
              <HeaderCell key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        {isVirtual ? <VirtualBody {...parts} /> : <PlainBody {...parts} />}
      </table>
      {(more?.hasMore || noun) && <Foot count={shown.length} noun={noun} more={more} />}
    </>
  );
}

interface HeaderProps<R> {
  column: Column<R>;
  sort: string | undefined;
  onSort: ((sort: string | undefined) => void) | undefined;
}

function HeaderCell<R>({ column, sort, onSort }: HeaderProps<R>) {
  const name = classes(column.align === "end" && css.end, column.low && css.low);
  const isSorted = sort?.replace(/^-/, "") === column.id;
  const direction = !isSorted ? undefined : sort?.startsWith("-") ? "descending" : "ascending";
  const Arrow = direction === "descending" ? ArrowDown : ArrowUp;
  return (
    <th scope="col" className={name} aria-sort={direction}>
      {column.sort && onSort ? (
        <button
          type="button"
          className={classes(css.sort, isSorted && css.sorted)}
          onClick={() => onSort(nextSort(sort, column.id))}
        >
          {column.header}
          {isSorted && <Arrow size={12} aria-hidden />}
        </button>
      ) : column.bare ? (
        <span className="sr-only">{column.header}</span>
      ) : (
        column.header
      )}
    </th>
  );
}

interface BodyProps<R> {
  columns: readonly Column<R>[];
  rows: readonly R[];
  rowKey: (row: R) => string | number;
  body: Ref<HTMLTableSectionElement> & { current: HTMLTableSectionElement | null };
}

function Cells<R>({ columns, row }: { columns: readonly Column<R>[]; row: R }) {
  return columns.map((column, index) => (
    <td
      key={column.id}
      data-label={column.bare ? "" : column.header}
      className={classes(
        column.align === "end" && css.end,
        column.low && css.low,
        index === 0 && css.primary,
      )}
    >
      {column.cell(row)}
    </td>
  ));
}

function PlainBody<R>({ columns, rows, rowKey, body }: BodyProps<R>) {
  useRowKeys(body);
  return (
    <tbody ref={body} data-rows>
      {rows.map((row) => (
        <tr key={rowKey(row)} className={css.row}>
          <Cells columns={columns} row={row} />
        </tr>
      ))}
    </tbody>
  );
}

function VirtualBody<R>({ columns, rows, rowKey, body }: BodyProps<R>) {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const element = body.current;
    if (element) setTop(element.getBoundingClientRect().top + window.scrollY);
  }, [body]);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_PX,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => rowKey(rows[index]!),
  });
  const items = virtual.getVirtualItems();
  const before = (items[0]?.start ?? top) - top;
  const after = virtual.getTotalSize() - ((items.at(-1)?.end ?? top) - top);
  useRowKeys(body);
  return (
    <tbody ref={body} data-rows>
      <Spacer height={before} columns={columns.length} />
      {items.map((item) => (
        <tr
          key={item.key}
          ref={virtual.measureElement}
          data-index={item.index}
          aria-rowindex={item.index + 2}
          className={css.row}
        >
          <Cells columns={columns} row={rows[item.index]!} />
        </tr>
      ))}
      <Spacer height={after} columns={columns.length} />
    </tbody>
  );
}

function Spacer({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr className={css.spacer} aria-hidden>
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}

interface FootProps {
  count: number;
  noun: string | undefined;
  more: More | undefined;
}

function Foot({ count, noun, more }: FootProps) {
  return (
    <div className={css.foot}>
      <span role="status">
        {noun && counted(count, noun)}
        {more?.hasMore && " so far"}
      </span>
      {more?.hasMore && (
        <Button small pending={more.isLoading} onClick={more.load}>
          Load more
        </Button>
      )}
    </div>
  );
}

interface RowAnchorProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  ref?: Ref<HTMLAnchorElement>;
}

function RowAnchor(props: RowAnchorProps) {
  return (
    <a {...props} className={css.link} data-row-link>
      {props.children}
    </a>
  );
}

/** The link of a row, in its first cell: `<RowLink to="/runs/$run" params={{ run }}>7</RowLink>`. */
export const RowLink = createLink(RowAnchor);

/** What else can be pressed in a row: it lies above the row's link. */
export function Above({ children }: { children: ReactNode }) {
  return <span className={css.above}>{children}</span>;
}

/** The pages of an infinite query as `more`. */
export function moreOf(query: {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}): More {
  return {
    hasMore: query.hasNextPage,
    isLoading: query.isFetchingNextPage,
    load: () => void query.fetchNextPage(),
  };
}
