//! What variables become, and what is said about wrong ones.

use outflow_core::{CallType, Code, Dialect};
use outflow_query::LastSyncTime::{Number, Seconds};
use outflow_query::lint::Context;

use crate::{EXAMPLES, codes, errors, parse};

#[test]
fn a_variable_is_replaced_however_it_is_spaced() {
    for text in
        ["{{last_sync_time}}", "{{ last_sync_time }}", "{{\n\tlast_time_sync}}", "{{last_time_sync  }}"]
    {
        let query = parse(&format!("SELECT a FROM t WHERE b > {text} AND c"), Dialect::Redshift);
        assert_eq!(query.render(&Seconds(17)), "SELECT a FROM t WHERE b > 17 AND c");
    }
}

#[test]
fn each_form_is_a_literal_of_the_dialect() {
    let text =
        "SELECT {{last_sync_time | timestamp}}, {{last_sync_time|date}}, {{ last_sync_time | millis }}";
    for (dialect, expected) in [
        (Dialect::Redshift, "SELECT TIMESTAMP '2026-01-01 00:00:00', DATE '2026-01-01', 1767225600000"),
        (Dialect::Postgres, "SELECT TIMESTAMP '2026-01-01 00:00:00', DATE '2026-01-01', 1767225600000"),
        (Dialect::Sqlite, "SELECT '2026-01-01 00:00:00', '2026-01-01', 1767225600000"),
    ] {
        assert_eq!(parse(text, dialect).render(&Seconds(1_767_225_600)), expected);
    }
}

#[test]
fn inside_a_string_the_value_comes_without_quotes_of_its_own() {
    let text = "SELECT '{{last_sync_time}}', TIMESTAMP '{{last_sync_time | timestamp}}', $${{last_sync_time|date}}$$, '{{name}} {{ {{last_sync_time}}'";
    let query = parse(text, Dialect::Postgres);
    assert!(query.uses_last_sync_time());
    assert_eq!(
        query.render(&Seconds(0)),
        "SELECT '0', TIMESTAMP '1970-01-01 00:00:00', $$1970-01-01$$, '{{name}} {{ 0'"
    );
}

#[test]
fn comments_and_quoted_names_keep_their_braces() {
    let text =
        "SELECT \"{{nonsense}}\" -- {{last_sync_time}} {{nonsense}}\n/* {{last_sync_time}} {{ */ FROM t";
    let query = parse(text, Dialect::Redshift);
    assert!(!query.uses_last_sync_time());
    assert_eq!(query.render(&Seconds(9)), text);
}

#[test]
fn a_cursor_value_goes_in_as_it_is() {
    let query = parse(EXAMPLES[0], Dialect::Postgres);
    assert!(query.render(&Number("12.50".into())).ends_with("last_updated >= 12.50"));
    let query = parse("SELECT 1 WHERE a >-{{last_sync_time}}", Dialect::Postgres);
    assert_eq!(query.render(&Number("-3".into())), "SELECT 1 WHERE a >-(-3)");
}

#[test]
fn unknown_variables_and_forms_come_with_a_suggestion() {
    for (variable, help) in [
        ("{{last_sync}}", "did you mean \"last_sync_time\"?"),
        ("{{LAST_SYNC_TIME}}", "did you mean \"last_sync_time\"?"),
        ("{{last_sync_time | timestmp}}", "did you mean \"timestamp\"?"),
        ("{{last_sync_time | date | millis}}", "there is {{last_sync_time}}"),
        ("{{now}}", "there is {{last_sync_time}}"),
        ("{{}}", "there is {{last_sync_time}}"),
        ("{{last_sync_time}", "a variable looks like"),
        ("{{last_sync_time", "a variable looks like"),
    ] {
        let found = errors(&format!("SELECT a FROM t\nWHERE b > {variable}"), Dialect::Redshift);
        assert_eq!(found.len(), 1, "{variable}: {found:?}");
        assert_eq!(found[0].code(), Code::UnknownVariable);
        assert_eq!(found[0].place(), Some("line 2, column 11 of the query"));
        assert!(found[0].help_text().is_some_and(|h| h.starts_with(help)), "{:?}", found[0].help_text());
    }
    assert_eq!(codes("SELECT '{{last_sync_time | nope}}'", Dialect::Redshift), [Code::UnknownVariable]);
}

#[test]
fn a_query_that_reads_everything_each_time_is_warned_about() {
    let query = parse("SELECT a FROM t", Dialect::Redshift);
    assert!(!query.uses_last_sync_time());
    let found = query.lint(&Context::of(CallType::Identify));
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::QueryNotIncremental]);
}

#[test]
fn the_semicolon_at_the_end_is_not_sent() {
    for (text, sent) in [
        ("SELECT 1;", "SELECT 1"),
        ("SELECT ';' ; ; -- ;\n", "SELECT ';'   -- ;\n"),
        ("SELECT {{last_sync_time}};", "SELECT 5"),
    ] {
        assert_eq!(parse(text, Dialect::Sqlite).render(&Seconds(5)), sent);
    }
}
