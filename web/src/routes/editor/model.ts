/** What the editor edits: the keys of a sync's definition, read with care, and what it is about. */
import type { DraftProblem } from "../../api/queries/drafts";
import type { Value } from "../../api/queries/definitions";
import type { CallType, DatabaseDocument, DefinitionDocument } from "../../api/types";

export const callTypes = ["identify", "track", "group", "page", "screen", "alias"] as const;

/** The pattern of names in a project. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/;

export type Subject =
  /** A new sync, or a draft that was begun before. */
  | { kind: "draft"; source: string }
  /** One that runs: what is typed goes into a draft beside it until it is saved. */
  | { kind: "enabled"; source: string; target: DefinitionDocument }
  /** One that a file owns, or a person who may not write: to read. */
  | { kind: "read"; source: string; target: DefinitionDocument };

export function textAt(value: Value, key: string): string {
  const found = value[key];
  return typeof found === "string" ? found : "";
}

export function typeOf(value: Value): CallType | null {
  return callTypes.find((type) => type === value.type) ?? null;
}

/** What is wrong with a name; null: nothing. */
export function nameProblem(name: string, taken: ReadonlySet<string>): string | null {
  if (name === "") return "A sync needs a name.";
  if (/\s/.test(name)) return "A name has no spaces. Write a hyphen: weekly-orders.";
  if (!NAME.test(name)) return "A name has letters, digits, - and _, at most 64 of them.";
  return taken.has(name) ? "A sync of this name exists already." : null;
}

/** The draft beside a sync that runs. */
export function draftBeside(sync: string): string {
  return `${sync.slice(0, 59)}-edit`;
}

/** The database of a sync among all: `shop.main`, or `shop` if it has one. */
export function databaseOf(
  value: Value,
  databases: readonly DatabaseDocument[],
): DatabaseDocument | undefined {
  const [source, database] = textAt(value, "source").split(".");
  return databases.find(
    (one) => one.source === source && (database === undefined || one.database === database),
  );
}

/** The destinations that the definition names itself; null: those of its source. */
export function destinationsOf(value: Value): string[] | null {
  if (!Array.isArray(value.destinations)) return null;
  return value.destinations.flatMap((one: unknown) => {
    if (typeof one === "string") return [one];
    const name = (one as { name?: unknown } | null)?.name;
    return typeof name === "string" ? [name] : [];
  });
}

const DETAIL_KEYS = ["name", "description", "type", "source", "schedule", "destinations"];

/** Whether a problem is about the details and not about the query. */
export function isOfDetails({ field }: DraftProblem): boolean {
  return field != null && DETAIL_KEYS.includes(field.split(".")[0]!);
}
