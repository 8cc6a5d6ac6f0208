/** The tables and columns that the account of a database can read. */
import { useQuery } from "@tanstack/react-query";
import { Table2 } from "lucide-react";
import { useState } from "react";
import { catalogueQuery } from "../../api/queries/sources";
import { counted } from "../../lib/number";
import { matches } from "../../lib/search";
import { ListTools } from "../../ui/ListTools";
import { Loaded } from "../../ui/Loaded";
import { EmptyState } from "../../ui/states";
import { Time } from "../../ui/values";
import css from "./sources.module.css";

/** More tables than these are found by typing. */
const MOST = 200;

export function TablesPanel({ target }: { target: string }) {
  const [filter, setFilter] = useState<string>();
  const query = useQuery(catalogueQuery(target));
  return (
    <Loaded query={query} permission="sources.query">
      {({ schemas, read_at: readAt, is_cut: isCut }) => {
        const all = schemas.flatMap(({ schema, tables }) =>
          tables.map((table) => ({
            ...table,
            name: schema ? `${schema}.${table.table}` : table.table,
          })),
        );
        const found = all.filter(({ name }) => matches(filter, name));
        if (all.length === 0) {
          return (
            <EmptyState icon={Table2} title="It can read no table">
              Run the SQL for its account, with the schemas that you sync.
            </EmptyState>
          );
        }
        return (
          <div className="stack-tight">
            <ListTools label="Filter tables" value={filter} onChange={setFilter} />
            <p className="muted" role="status">
              {counted(found.length, "table")}, read <Time at={readAt} />
              {isCut && "; the catalogue is longer than what is read of it"}
            </p>
            <ul className={css.tables}>
              {found.slice(0, MOST).map(({ name, columns, type }) => (
                <li key={name}>
                  <details>
                    <summary>
                      <code>{name}</code>
                      <span className="muted">
                        {type && type !== "table" ? `${type}, ` : ""}
                        {counted(columns.length, "column")}
                      </span>
                    </summary>
                    <ul className={css.columnList}>
                      {columns.map(({ column, type: columnType, nullable }) => (
                        <li key={column}>
                          <code>{column}</code>
                          <span className="muted">
                            {columnType}
                            {nullable === false && ", never NULL"}
                          </span>
                        </li>
                      ))}
                    </ul>
                  </details>
                </li>
              ))}
            </ul>
            {found.length > MOST && (
              <p className="muted">The first {MOST} are shown. Type to find others.</p>
            )}
          </div>
        );
      }}
    </Loaded>
  );
}
