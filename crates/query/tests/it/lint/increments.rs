//! Q006, Q104, Q202.

use outflow_core::Dialect::{Postgres, Redshift, Sqlite};
use outflow_core::{CallType, Code};
use outflow_query::lint::Context;

use super::{assert_places, fix_all, lint, places};
use crate::{DIALECTS, EXAMPLES, parse};

#[test]
fn a_query_without_the_variable_reads_everything() {
    for dialect in DIALECTS {
        assert_eq!(
            places("SELECT id FROM t -- {{last_sync_time}}", dialect, Code::QueryNotIncremental),
            ["SELECT"]
        );
        for text in EXAMPLES {
            assert!(places(text, dialect, Code::QueryNotIncremental).is_empty());
        }
    }
}

#[test]
fn a_limit_cuts_increments_off_at_the_end_of_the_query_alone() {
    let new = "WHERE at > {{last_sync_time}}";
    for (text, wanted) in [
        (format!("SELECT id FROM t {new} LIMIT 10"), &["LIMIT 10"][..]),
        (format!("SELECT id FROM t {new} ORDER BY at LIMIT 10 OFFSET 5"), &["LIMIT 10", "OFFSET 5"]),
        (format!("SELECT TOP 5 id FROM t {new}"), &["TOP 5"]),
        (format!("SELECT DISTINCT TOP 5 id FROM t {new}"), &["TOP 5"]),
        (format!("SELECT id FROM t {new} FETCH FIRST 3 ROWS ONLY;"), &["FETCH FIRST 3 ROWS ONLY"]),
        (format!("SELECT id FROM t {new} ORDER BY at"), &["ORDER BY"]),
        (format!("SELECT id FROM a UNION ALL SELECT id FROM t {new} ORDER BY 1 LIMIT 3"), &["LIMIT 3"]),
        // What is not at the end picks rows on purpose.
        (format!("SELECT id FROM (SELECT id FROM t ORDER BY at LIMIT 3) x {new}"), &[]),
        (format!("WITH x AS (SELECT id, at FROM t LIMIT 3) SELECT id FROM x {new}"), &[]),
        (format!("SELECT id, ROW_NUMBER() OVER (ORDER BY at) AS n FROM t {new}"), &[]),
        (format!("SELECT id, LISTAGG(x) WITHIN GROUP (ORDER BY at) AS n FROM t {new} GROUP BY id"), &[]),
        // Columns of such names.
        (format!("SELECT t.limit, t.offset, x AS top FROM t {new}"), &[]),
        // Nothing is lost where every run reads all.
        ("SELECT id FROM t LIMIT 10".to_owned(), &[]),
    ] {
        assert_eq!(places(&text, Redshift, Code::OrderOrLimit), wanted, "{text}");
    }
}

#[test]
fn in_the_order_of_a_cursor_a_limit_loses_nothing() {
    let context = Context { cursor: Some("at"), ..Context::of(CallType::Identify) };
    let found = |text| parse(text, Postgres).lint(&context).iter().any(|f| f.code == Code::OrderOrLimit);
    assert!(!found("SELECT id, at FROM t WHERE at >= {{last_sync_time}} ORDER BY at LIMIT 10"));
    assert!(found("SELECT id, at FROM t WHERE at >= {{last_sync_time}} ORDER BY at DESC LIMIT 10"));
    assert!(found("SELECT id, at FROM t WHERE at >= {{last_sync_time}} LIMIT 10"));
}

#[test]
fn a_semicolon_at_the_end_is_noted_and_can_go() {
    assert_places(
        Sqlite,
        Code::TrailingSemicolon,
        &[("SELECT ';' FROM t;", &[";"]), ("SELECT 1 ; -- done\n ;", &[";", ";"]), ("SELECT ';' -- ;", &[])],
    );
    let text = "SELECT ';' FROM t; -- done";
    assert_eq!(fix_all(text, &lint(text, Sqlite)), "SELECT ';' FROM t -- done");
}

#[test]
fn places_are_lines_and_columns_in_characters() {
    let text = "SELECT 'é' AS x,\n  'é' AS userId FROM t;";
    let found = lint(text, Redshift);
    let semicolon = found.iter().find(|f| f.code == Code::TrailingSemicolon).unwrap();
    let span = semicolon.span(text);
    assert_eq!((span.line, span.column, span.end_line, span.end_column), (2, 23, 2, 24));
    assert_eq!(semicolon.to_error(text).place(), Some("line 2, column 23 of the query"));
}
