//! Types that are in no table: those of extensions and of users, as PostgreSQL's catalogue has
//! them.
//!
//! One question for a result, and only if it has such a column. What always holds: a type that the
//! catalogue does not know stays a text.

use outflow_core::{ColumnType, ElementType};

use super::columns::{self, Described};

/// Asks what these types are.
pub(crate) fn question(unknown: &[(usize, u32)]) -> String {
    let oids: Vec<String> = unknown.iter().map(|(_, oid)| oid.to_string()).collect();
    // A domain is what it is based on.
    format!(
        "SELECT t.oid, pg_catalog.format_type(t.oid, NULL), t.typname, t.typtype, \
         CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 AND t.typdelim = ',' THEN t.typelem END, \
         e.typname, e.typtype, CASE WHEN e.typtype = 'd' THEN e.typbasetype ELSE e.oid END \
         FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' \
         WHERE t.oid IN ({})",
        oids.join(", ")
    )
}

/// Gives the columns the types that the catalogue says.
pub(crate) fn answer(described: &mut Described, rows: &[Vec<Option<String>>]) {
    for (index, oid) in std::mem::take(&mut described.unknown) {
        let oid = oid.to_string();
        let Some(row) = rows.iter().find(|row| row.first().is_some_and(|of| of.as_ref() == Some(&oid)))
        else {
            continue;
        };
        let text = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        let ty = match row.get(4).and_then(Option::as_ref) {
            Some(_) => ColumnType::Array(element(text(5), text(6), text(7))),
            None => of_type(text(2), text(3)),
        };
        if let Some(column) = described.columns.get_mut(index) {
            column.ty = ty;
            column.declared = text(1).to_owned();
        }
    }
}

fn of_type(name: &str, class: &str) -> ColumnType {
    match (class, name) {
        // A row.
        ("c", _) => ColumnType::Opaque,
        ("b", "hstore") => ColumnType::Hstore,
        _ => ColumnType::Text,
    }
}

fn element(name: &str, class: &str, base: &str) -> ElementType {
    let known = base.parse().ok().and_then(columns::known).map(|(ty, _)| ty);
    known.unwrap_or_else(|| of_type(name, class)).as_element().unwrap_or(ElementType::Text)
}
