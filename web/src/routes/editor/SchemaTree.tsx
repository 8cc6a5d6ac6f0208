/** The tables and columns that the account can read. Pressing a name writes it into the query. */
import { useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { ChevronRight, RotateCw, Table2 } from "lucide-react";
import { useState } from "react";
import { api, ask } from "../../api/client";
import { needsRole } from "../../api/permissions";
import { toProblem } from "../../api/problem";
import type { CatalogueDocument } from "../../api/queries/drafts";
import { catalogueQuery } from "../../api/queries/sources";
import type { DatabaseDocument } from "../../api/types";
import { matches } from "../../lib/search";
import { Button, IconButton } from "../../ui/Button";
import { Skeleton } from "../../ui/states";
import { Time } from "../../ui/values";
import css from "./schema-tree.module.css";
import { quotedName, tableName } from "./schema";

/** More tables than these are found by the filter. */
const MOST_TABLES = 200;

interface Props {
  query: UseQueryResult<CatalogueDocument>;
  database: DatabaseDocument | undefined;
  mayRead: boolean;
  onInsert: (name: string) => void;
}

type Table = CatalogueDocument["schemas"][number]["tables"][number] & { schema: string };

/** Tables of which the name, or a column, has the words of the filter. */
function tablesOf(catalogue: CatalogueDocument, filter: string): Table[] {
  return catalogue.schemas.flatMap(({ schema, tables }) =>
    tables
      .filter(({ table, columns }) =>
        matches(filter, schema, table, ...columns.map(({ column }) => column)),
      )
      .map((table) => ({ ...table, schema })),
  );
}

export function SchemaTree({ query, database, mayRead, onInsert }: Props) {
  const [filter, setFilter] = useState("");
  const client = useQueryClient();
  const [isReading, setReading] = useState(false);
  const name = database ? `${database.source}.${database.database}` : "";
  const refresh = async () => {
    setReading(true);
    try {
      const params = { path: { source: name }, query: { refresh: true } };
      const fresh = await ask(api.GET("/api/v1/sources/{source}/catalogue", { params }));
      client.setQueryData(catalogueQuery(name).queryKey, fresh);
    } catch {
      // Asking in the usual way shows what is wrong.
      await query.refetch();
    } finally {
      setReading(false);
    }
  };
  const tables = query.data ? tablesOf(query.data, filter) : [];
  return (
    <section className={css.tree} aria-label="Tables">
      <div className={css.treeHead}>
        <input
          type="search"
          className={css.treeFilter}
          aria-label="Filter tables and columns"
          placeholder={name ? `Tables of ${name}` : "Tables"}
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
        <IconButton
          icon={RotateCw}
          label="Read the tables again"
          small
          pending={isReading}
          onClick={() => void refresh()}
        />
      </div>
      <div className={css.treeBody}>
        {!mayRead ? (
          <p className={css.treeNote}>{needsRole("sources.query")}</p>
        ) : query.error ? (
          <div className={css.treeNote}>
            <p>The tables cannot be read. {toProblem(query.error).detail}</p>
            <Button small icon={RotateCw} onClick={() => void query.refetch()}>
              Retry
            </Button>
          </div>
        ) : query.isPending ? (
          <Skeleton lines={6} label="Reading the tables" />
        ) : (
          <ul>
            {tables.slice(0, MOST_TABLES).map((table) => (
              <TableItem
                key={`${table.schema}.${table.table}`}
                table={table}
                isOpen={filter !== ""}
                filter={filter}
                onInsert={onInsert}
              />
            ))}
          </ul>
        )}
        {tables.length > MOST_TABLES && (
          <p className={css.treeNote}>
            {tables.length - MOST_TABLES} more tables: type a part of the name.
          </p>
        )}
        {query.data && tables.length === 0 && (
          <p className={css.treeNote}>
            {filter ? "No table or column has this name." : "The account can read no table."}
          </p>
        )}
        {query.data?.is_cut && (
          <p className={css.treeNote}>The database has more columns than are listed here.</p>
        )}
      </div>
      {query.data && (
        <p className={css.treeFoot}>
          Read <Time at={query.data.read_at} />
        </p>
      )}
    </section>
  );
}

interface ItemProps {
  table: Table;
  isOpen: boolean;
  filter: string;
  onInsert: (name: string) => void;
}

function TableItem({ table, isOpen: isForced, filter, onInsert }: ItemProps) {
  const [isPressed, setPressed] = useState(false);
  const isOpen = isPressed || isForced;
  const full = tableName(table.schema, table.table);
  // The filter can be about the table: then all of its columns are meant.
  const found = table.columns.filter(({ column }) => matches(filter, column));
  const columns = found.length > 0 ? found : table.columns;
  return (
    <li>
      <div className={css.treeRow}>
        <button
          type="button"
          className={css.treeOpen}
          aria-expanded={isOpen}
          aria-label={`Columns of ${full}`}
          onClick={() => setPressed(!isOpen)}
        >
          <ChevronRight size={14} aria-hidden />
        </button>
        <button
          type="button"
          className={css.treeName}
          data-tip={`Write ${full}`}
          onClick={() => onInsert(full)}
        >
          <Table2 size={14} aria-hidden />
          <span>{full}</span>
        </button>
      </div>
      {isOpen && (
        <ul className={css.treeColumns}>
          {columns.map(({ column, type }) => (
            <li key={column}>
              <button
                type="button"
                className={css.treeColumn}
                data-tip={`Write ${quotedName(column)}`}
                onClick={() => onInsert(quotedName(column))}
              >
                <span>{column}</span>
                <span className={css.treeType}>{type.toLowerCase()}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}
