/** The catalogue of a database: as what the editor completes, and as names to write in a query. */
import type { SQLNamespace } from "@codemirror/lang-sql";
import type { CatalogueDocument } from "../../api/queries/drafts";

const PLAIN = /^[a-z_][a-z0-9_]*$/;

/** Schemas whose tables need no prefix. */
const OPEN = ["public", "main"];

/** A name as SQL needs it: in quotes if it would be folded or misread. */
export function quotedName(name: string): string {
  return PLAIN.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** With its schema, but for the one that every session looks into. */
export function tableName(schema: string, table: string): string {
  return OPEN.includes(schema) ? quotedName(table) : `${quotedName(schema)}.${quotedName(table)}`;
}

interface Completable {
  namespace: SQLNamespace;
  /** Its tables are completed without their schema; those of others with it, so that they run. */
  defaultSchema: string | undefined;
}

export function namespaceOf(catalogue: CatalogueDocument): Completable {
  const namespace: Record<string, SQLNamespace> = {};
  for (const { schema, tables } of catalogue.schemas) {
    const inside: Record<string, SQLNamespace> = {};
    for (const { table, columns } of tables) {
      inside[table] = columns.map(({ column, type }) => ({
        label: column,
        detail: type.toLowerCase(),
        type: "property",
        apply: quotedName(column),
      }));
    }
    namespace[schema] = inside;
  }
  const defaultSchema = catalogue.schemas.find(({ schema }) => OPEN.includes(schema))?.schema;
  return { namespace, defaultSchema };
}
