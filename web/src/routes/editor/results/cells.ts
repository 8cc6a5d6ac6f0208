/** Values of a preview as texts, and rows beside the calls that they become. Pure. */
import type {
  ColumnDocument,
  PreviewDocument,
  PreviewOfDestination,
} from "../../../api/queries/drafts";
import type { Target } from "../../../lib/columns";

export type RowValues = Record<string, unknown>;

export function rowsOf(document: PreviewDocument): RowValues[] {
  return (document.rows ?? []).map((item) => (item.row ?? {}) as RowValues);
}

/** What stands in a cell; null: NULL. JSON of a text is that text. */
export function cellText(value: unknown, type: string): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== "string") return JSON.stringify(value);
  if (type !== "json" || !value.startsWith('"')) return value;
  try {
    const inner: unknown = JSON.parse(value);
    return typeof inner === "string" ? inner : value;
  } catch {
    return value;
  }
}

export interface Rejection {
  code: string;
  column: string | null;
  reason: string;
}

export interface Entry {
  /** From 0. */
  index: number;
  row: RowValues;
  /** Undefined: the calls are not there yet. */
  call: Record<string, unknown> | null | undefined;
  rejected: Rejection | null;
  /** Destinations that would refuse its call. */
  refused: { destination: string; code: string; reason: string }[];
}

function rejectionOf(call: Record<string, unknown>): Rejection | null {
  const found = call.rejected as Partial<Rejection> | undefined;
  if (!found || typeof found !== "object") return null;
  return { code: found.code ?? "", column: found.column ?? null, reason: found.reason ?? "" };
}

export function entriesOf(
  rows: readonly RowValues[],
  calls: readonly Record<string, unknown>[] | null,
  destinations: readonly PreviewOfDestination[] | null,
): Entry[] {
  const refused = new Map<number, Entry["refused"]>();
  for (const { destination, refused: list } of destinations ?? []) {
    for (const { row, code, reason } of list) {
      refused.set(row, [...(refused.get(row) ?? []), { destination, code, reason }]);
    }
  }
  return rows.map((row, index) => {
    const call = calls?.[index];
    const rejected = call ? rejectionOf(call) : null;
    return {
      index,
      row,
      call: rejected ? null : calls ? (call ?? null) : undefined,
      rejected,
      refused: refused.get(index) ?? [],
    };
  });
}

export function isBad({ rejected, refused }: Entry): boolean {
  return rejected !== null || refused.length > 0;
}

/**
 * Rows and calls are read one after the other, and a database without ORDER BY may give them in
 * another order: then a row stands beside the call of another one. How many do not fit, by the
 * fields that are texts.
 */
export function misfits(
  entries: readonly Entry[],
  targets: readonly Target[],
  columns: readonly ColumnDocument[],
): number {
  const ids = ["userId", "anonymousId", "groupId", "previousId", "event", "name"];
  const fields = targets.filter(({ kind, path }) => kind === "field" && ids.includes(path!));
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  return entries.filter(({ row, call }) => {
    if (!call) return false;
    return fields.some(({ column, path }) => {
      const [is, would] = [cellText(row[column], types.get(column) ?? "text"), call[path!]];
      return is !== null && typeof would === "string" && is.trim() !== would.trim();
    });
  }).length;
}

/** The reasons of rejections and refusals, the most frequent first. */
export function reasonsOf(entries: readonly Entry[]): { text: string; rows: number }[] {
  const counted = new Map<string, number>();
  for (const { rejected, refused } of entries) {
    const texts = [
      ...(rejected ? [`${rejected.column ? `${rejected.column}: ` : ""}${rejected.reason}`] : []),
      ...refused.map(({ destination, reason }) => `${destination} refuses it: ${reason}`),
    ];
    for (const text of texts) counted.set(text, (counted.get(text) ?? 0) + 1);
  }
  return [...counted].map(([text, rows]) => ({ text, rows })).sort((a, b) => b.rows - a.rows);
}

/** The request of a destination that has this call in it, by the id of the call. */
export function requestOf(of: PreviewOfDestination, call: Record<string, unknown>) {
  const id = call.messageId;
  if (typeof id !== "string") return of.requests[0];
  return of.requests.find(({ body }) => body.includes(id));
}

/** A width for a column, in pixels, by what its first rows have in it. */
export function widthOf(column: ColumnDocument, rows: readonly RowValues[]): number {
  const longest = rows
    .slice(0, 40)
    .reduce(
      (most, row) => Math.max(most, (cellText(row[column.name], column.type) ?? "NULL").length),
      Math.max(column.name.length, column.declared.length * 0.9),
    );
  return Math.round(Math.min(300, Math.max(88, longest * 7.8 + 26)));
}
