//! What a statement reads and calls: whether compute nodes take part, and which functions run
//! where.
//!
//! The names after FROM and JOIN are looked at; a table is the user's unless it belongs to the
//! catalogue or is a common table expression. Written for queries; if it is wrong, it classifies a
//! statement as leader-node only.

use std::ops::Range;

use super::lexer::{Kind, Tokens};

#[derive(Default)]
pub(super) struct Reads {
    pub table: bool,
    pub leader_only: Vec<String>,
    pub compute_only: bool,
    pub version: bool,
}

/// Run on the leader node only: "Leader node–only functions" and "Unsupported PostgreSQL functions"
/// of the Developer Guide, those that queries are likely to use.
const LEADER_ONLY: &[&str] = &[
    "age",
    "array_agg",
    "array_to_string",
    "clock_timestamp",
    "current_schema",
    "current_schemas",
    "format_type",
    "generate_series",
    "has_database_privilege",
    "has_schema_privilege",
    "has_table_privilege",
    "isfinite",
    "now",
    "pg_backend_pid",
    "pg_get_userbyid",
    "statement_timestamp",
    "string_agg",
    "string_to_array",
    "transaction_timestamp",
    "version",
];

/// The same, called without parentheses.
const LEADER_ONLY_WORDS: &[&str] = &["current_time", "current_timestamp", "localtime", "localtimestamp"];

/// Run on compute nodes only.
const COMPUTE_ONLY: &[&str] = &["listagg", "median", "percentile_cont", "percentile_disc"];

/// Functions whose arguments have a FROM that names no table.
const WITH_FROM: &[&str] = &["extract", "trim", "substring", "overlay", "position"];

/// Words that end the list of tables.
const AFTER_FROM: &[&str] = &[
    "where",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "union",
    "except",
    "intersect",
    "minus",
    "window",
    "select",
    "qualify",
    "set",
    "values",
];

/// One pair of parentheses.
#[derive(Default)]
struct Level {
    in_from: bool,
    /// A table's name, or a subquery, comes next.
    expects_table: bool,
    is_with_from: bool,
}

pub(super) fn of(tokens: &Tokens<'_>, range: Range<usize>) -> Reads {
    let solids = tokens.solids(range);
    let text = |at: usize| solids.get(at).map_or("", |&index| tokens.text(index));
    let word = |at: usize| solids.get(at).map_or_else(String::new, |&index| tokens.word(index));
    let expressions: Vec<String> = (0..solids.len())
        .filter(|&at| word(at + 1) == "as" && text(at + 2) == "(")
        .map(|at| text(at).trim_matches('"').to_ascii_lowercase())
        .collect();
    let mut reads = Reads::default();
    let mut levels = vec![Level::default()];
    let mut at = 0;
    while at < solids.len() {
        let is_inner = levels.len() > 1;
        let level = levels.last_mut().expect("the outermost level stays");
        let here = word(at);
        let is_called = text(at + 1) == "(";
        match text(at) {
            "(" => {
                level.expects_table = false;
                let caller = if at > 0 { word(at - 1) } else { String::new() };
                levels.push(Level { is_with_from: WITH_FROM.contains(&caller.as_str()), ..Level::default() });
            }
            ")" if is_inner => drop(levels.pop()),
            "," => level.expects_table = level.in_from,
            _ if here == "from" && (level.is_with_from || (at > 0 && word(at - 1) == "distinct")) => {}
            _ if here == "from" || here == "join" => (level.in_from, level.expects_table) = (true, true),
            _ if AFTER_FROM.contains(&here.as_str()) => {
                *level = Level { is_with_from: level.is_with_from, ..Level::default() }
            }
            _ if level.expects_table && !matches!(here.as_str(), "only" | "lateral") => {
                level.expects_table = false;
                let mut parts = vec![text(at).trim_matches('"').to_ascii_lowercase()];
                while text(at + 1) == "." {
                    parts.push(text(at + 2).trim_matches('"').to_ascii_lowercase());
                    at += 2;
                }
                let is_function = text(at + 1) == "(";
                if is_function && LEADER_ONLY.contains(&parts[0].as_str()) {
                    reads.leader_only.push(format!("{}()", parts[0]));
                }
                reads.table |= !is_function
                    && is_users(&parts)
                    && !(parts.len() == 1 && expressions.contains(&parts[0]));
            }
            _ if at > 0 && text(at - 1) == "." => {}
            _ if is_called && LEADER_ONLY.contains(&here.as_str()) => {
                reads.leader_only.push(format!("{here}()"))
            }
            _ if !is_called
                && LEADER_ONLY_WORDS.contains(&here.as_str())
                && word(at.wrapping_sub(1)) != "as" =>
            {
                reads.leader_only.push(format!("{here}()"));
            }
            _ if is_called && COMPUTE_ONLY.contains(&here.as_str()) => reads.compute_only = true,
            _ => {}
        }
        reads.version |= here == "version" && is_called;
        at += 1;
    }
    reads
}

/// Whether a name is that of a table of the user.
fn is_users(parts: &[String]) -> bool {
    let catalogue = ["pg_catalog", "information_schema", "pg_internal", "catalog_history"];
    let prefixes = ["pg_", "stl_", "stv_", "svv_", "svl_", "svcs_", "sys_"];
    let table = parts.last().map_or("", String::as_str);
    !parts.iter().any(|part| catalogue.contains(&part.as_str()))
        && !prefixes.iter().any(|prefix| table.starts_with(prefix))
}

/// Whether a token is a bare word that is not part of a longer name.
pub(super) fn is_bare(tokens: &Tokens<'_>, index: usize) -> bool {
    let before = tokens.solid_before(0, index).map_or("", |before| tokens.text(before));
    tokens.list[index].kind == Kind::Word && before != "."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(sql: &str) -> Reads {
        let tokens = Tokens::of(sql);
        of(&tokens, 0..tokens.len())
    }

    #[test]
    fn tables_of_the_user_are_told_from_the_catalogue() {
        for sql in [
            "SELECT 1 FROM users",
            "SELECT 1 FROM pg_user, s.\"users\"",
            "WITH a AS (SELECT 1 FROM users) SELECT * FROM a",
            "SELECT * FROM (SELECT 1 FROM a JOIN b ON a.x = b.x) y",
            "SELECT EXTRACT(epoch FROM x), trim(both from y) FROM t",
        ] {
            assert!(reads(sql).table, "{sql}");
        }
        for sql in [
            "SELECT 1",
            "SELECT EXTRACT(epoch FROM x)",
            "SELECT * FROM pg_catalog.pg_class c JOIN information_schema.columns d ON true",
            "SELECT * FROM svv_all_schemas",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "SELECT * FROM generate_series(1, 2)",
            "SELECT a IS DISTINCT FROM b",
        ] {
            assert!(!reads(sql).table, "{sql}");
        }
    }

    #[test]
    fn functions_of_the_leader_node_are_found() {
        assert_eq!(
            reads("SELECT now(), CURRENT_TIMESTAMP FROM t").leader_only,
            ["now()", "current_timestamp()"]
        );
        assert_eq!(reads("SELECT * FROM generate_series(1, 2), t").leader_only, ["generate_series()"]);
        assert!(reads("SELECT t.now, x AS current_timestamp FROM t").leader_only.is_empty());
        assert!(reads("SELECT listagg(a, ',')").compute_only);
        assert!(reads("SELECT version()").version);
    }
}
