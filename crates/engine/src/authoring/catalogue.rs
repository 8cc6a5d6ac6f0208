//! The catalogue of a database: what a query can read.
//!
//! What always holds: only what the account may read is in it, by the database's own word; it is
//! read in read-only transactions with a time limit. What this does not do: count rows, or read
//! any.

use std::time::Duration;

use outflow_core::ports::warehouse::{Statement, Warehouse};
use outflow_core::{ColumnType, Dialect, Result, RowPage};

/// The database ends each question after this time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueColumn {
    /// The table's schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Its type, as the database writes it.
    pub declared: String,
    /// Whether it can be NULL, if the database says so.
    pub nullable: Option<bool>,
}

/// What a database has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// The columns, by schema and table, in the table's order.
    pub columns: Vec<CatalogueColumn>,
    /// Of which kind tables are, if it was said: schema, name, `table` or `view` or the like.
    pub kinds: Vec<(String, String, String)>,
    /// There are more than were read.
    pub is_cut: bool,
}

/// Reads at most this many columns.
///
/// # Errors
/// As for a query: S001 to S025.
pub async fn read(warehouse: &dyn Warehouse, most: u64) -> Result<Catalogue> {
    let mut catalogue = Catalogue::default();
    let limit = most.saturating_add(1);
    for row in ask(warehouse, columns_of(warehouse.dialect()), limit).await? {
        let [schema, table, column, declared, nullable, kind] = row;
        let kind = kind.unwrap_or_default();
        let (schema, table) = (schema.unwrap_or_default(), table.unwrap_or_default());
        let is_new = catalogue.kinds.last().is_none_or(|(s, t, _)| (s, t) != (&schema, &table));
        if is_new && !kind.is_empty() {
            catalogue.kinds.push((schema.clone(), table.clone(), kind));
        }
        catalogue.columns.push(CatalogueColumn {
            schema,
            table,
            column: column.unwrap_or_default(),
            declared: declared.unwrap_or_default(),
            nullable: nullable.map(|said| matches!(said.as_str(), "YES" | "yes" | "t" | "true" | "1")),
        });
    }
    catalogue.is_cut = catalogue.columns.len() as u64 > most;
    catalogue.columns.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    if let Some(question) = kinds_of(warehouse.dialect()) {
        for [schema, table, kind, ..] in ask(warehouse, question, limit).await? {
            let text = |text: Option<String>| text.unwrap_or_default();
            catalogue.kinds.push((text(schema), text(table), text(kind).to_lowercase()));
        }
    }
    Ok(catalogue)
}

/// A row of an answer; columns that it does not have are `None`.
type Row = [Option<String>; 6];

async fn ask(warehouse: &dyn Warehouse, sql: &str, limit: u64) -> Result<Vec<Row>> {
    let session = warehouse.connect().await?;
    let statement = Statement {
        sql: sql.to_owned(),
        label: "outflow_catalogue".to_owned(),
        timeout: Some(TIMEOUT),
        limit: Some(limit),
        hold: false,
    };
    let mut stream = session.query(statement).await?;
    // SQLite gives what has no declared type as JSON.
    let is_json: Vec<bool> = stream.columns().iter().map(|column| column.ty == ColumnType::Json).collect();
    let (mut page, mut rows) = (RowPage::default(), Vec::new());
    while stream.next(&mut page).await? {
        for row in page.iter() {
            let mut read = Row::default();
            // What Redshift's leader node computes may be padded with NULs.
            let text = |field: &[u8]| String::from_utf8_lossy(field).trim_end_matches('\0').to_owned();
            for ((to, field), is_json) in read.iter_mut().zip(row.fields()).zip(&is_json) {
                let found = field.map(text);
                *to = match (found, is_json) {
                    (Some(json), true) => serde_json::from_str(&json).ok().or(Some(json)),
                    (found, _) => found,
                };
            }
            rows.push(read);
        }
    }
    Ok(rows)
}

/// Schema, table, column, type, whether it can be NULL, and the kind of the table.
fn columns_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::Redshift => REDSHIFT,
        Dialect::Sqlite => SQLITE,
    }
}

/// Schema, table and kind, where columns do not say it.
fn kinds_of(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Redshift => Some(REDSHIFT_KINDS),
        Dialect::Postgres | Dialect::Sqlite => None,
    }
}

/// A right to a column counts as one to the table's column; tables of the server itself are left
/// out.
const POSTGRES: &str = "\
SELECT n.nspname::text, c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
  CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END,
  CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
    WHEN 'f' THEN 'foreign table' ELSE 'table' END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'usage') AND has_column_privilege(c.oid, a.attnum, 'select')
ORDER BY n.nspname, c.relname, a.attnum";

/// Local and external tables and views, late-binding ones too. Views of the leader node are not
/// joined.
const REDSHIFT: &str = "\
SELECT schema_name::varchar, table_name::varchar, column_name::varchar, data_type::varchar,
  is_nullable::varchar, NULL::varchar
FROM svv_all_columns
WHERE database_name = current_database()
  AND schema_name NOT IN ('pg_catalog', 'information_schema', 'pg_internal', 'catalog_history')
ORDER BY schema_name, table_name, ordinal_position";

const REDSHIFT_KINDS: &str = "\
SELECT schema_name::varchar, table_name::varchar, table_type::varchar
FROM svv_all_tables
WHERE database_name = current_database()
  AND schema_name NOT IN ('pg_catalog', 'information_schema', 'pg_internal', 'catalog_history')
ORDER BY schema_name, table_name";

/// Columns that are hidden by a virtual table are left out.
const SQLITE: &str = "\
SELECT 'main', t.name, c.name, c.type, CASE WHEN c.\"notnull\" THEN 'NO' ELSE 'YES' END, t.type
FROM sqlite_schema t JOIN pragma_table_xinfo(t.name) c
WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~' AND c.hidden <> 1
ORDER BY t.name, c.cid";
