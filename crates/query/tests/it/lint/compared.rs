//! Q010, Q011, Q102, Q112, Q203: what is compared with the variable.

use std::time::Duration;

use outflow_core::Dialect::{Postgres, Redshift, Sqlite};
use outflow_core::{CallType, Code, Column, ColumnType, Dialect};
use outflow_query::lint::{Context, Finding, Known};

use super::{fix_all, lint, places};
use crate::{DIALECTS, EXAMPLES, parse};

/// The findings of a query whose one comparison has an expression of this type.
fn typed(
    text: &str,
    dialect: Dialect,
    ty: ColumnType,
    declared: &str,
    largest: Option<&str>,
) -> Vec<Finding> {
    let query = parse(text, dialect);
    let column = Column { name: "probe".into(), ty, declared: declared.into() };
    let known = vec![Some(Known { column, largest: largest.map(str::to_owned) }); query.comparisons().len()];
    let types = [
        Code::TimestampComparedWithNumber,
        Code::TextComparedWithNumber,
        Code::LateRows,
        Code::UnknownTypeComparedWithNumber,
    ];
    let found = query.lint(&Context { known: &known, ..Context::of(CallType::Identify) });
    found.into_iter().filter(|f| types.contains(&f.code)).collect()
}

/// A WHERE with this condition.
fn query(condition: &str) -> String {
    format!("SELECT id FROM t WHERE {condition}")
}

/// Demands one finding of this code, and the condition that its fix makes.
#[track_caller]
fn assert_fixed(
    dialect: Dialect,
    condition: &str,
    (ty, declared): (ColumnType, &str),
    largest: Option<&str>,
    code: Code,
    fixed: &str,
) {
    let text = query(condition);
    let found = typed(&text, dialect, ty, declared, largest);
    assert_eq!(found.iter().map(|f| f.code).collect::<Vec<_>>(), [code], "{condition}");
    assert_eq!(fix_all(&text, &found), query(fixed), "{condition}");
    let fixed = query(fixed);
    assert!(typed(&fixed, dialect, ty, declared, largest).is_empty(), "{fixed}");
}

const MOMENT: (ColumnType, &str) = (ColumnType::Timestamp, "timestamp");
const DAY: (ColumnType, &str) = (ColumnType::Date, "date");
const NUMBER: (ColumnType, &str) = (ColumnType::Int, "bigint");
const TEXT: (ColumnType, &str) = (ColumnType::Text, "character varying");

#[test]
fn comparisons_are_found_in_every_form() {
    for (condition, expression) in [
        ("a >= {{last_sync_time}}", Some("a")),
        ("x = 1 AND t.a>{{ last_sync_time }} AND y", Some("t.a")),
        ("{{last_sync_time}} <= s.t.\"A b\" OR z", Some("s.t.\"A b\"")),
        ("a BETWEEN {{last_sync_time}} AND 5", Some("a")),
        ("a NOT BETWEEN {{last_sync_time}} AND 5", Some("a")),
        ("NOT (a < {{last_sync_time}} - 3600)", Some("a")),
        ("COALESCE(a, b) > '{{last_sync_time | date}}'", Some("COALESCE(a, b)")),
        ("a + 5 > {{last_sync_time}}", Some("a + 5")),
        // The variable is converted first.
        ("a > DATEADD(second, {{last_sync_time}}, '1970-01-01')", None),
        ("a > TIMESTAMP 'epoch' + {{last_sync_time}} * INTERVAL '1 second'", None),
        ("a > TIMESTAMP '{{last_sync_time | timestamp}}'", None),
        ("a > to_timestamp({{last_sync_time}})", None),
        ("a > {{last_sync_time}}::timestamp", None),
        ("a > '{{last_sync_time}} seconds'", None),
    ] {
        let found = parse(&query(condition), Redshift).comparisons();
        let found: Vec<_> = found.iter().map(|c| c.expression.as_str()).collect();
        assert_eq!(found, expression.into_iter().collect::<Vec<_>>(), "{condition}");
    }
}

#[test]
fn statements_for_the_database_stand_alone() {
    let text = "WITH a AS (SELECT id, at FROM raw WHERE k > {{last_sync_time}}), b AS (SELECT 1 AS one)\n\
                SELECT id FROM a x JOIN u ON u.id = x.id WHERE x.at >= '{{last_sync_time}}' AND v > {{last_sync_time | date}}";
    let found = parse(text, Postgres).comparisons();
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].probe.as_deref(), Some("SELECT k AS probe\nFROM raw\nWHERE 1 = 0"));
    assert_eq!(found[0].largest.as_deref(), Some("SELECT MAX(k) AS largest\nFROM raw"));
    assert_eq!(
        found[1].probe.as_deref(),
        Some(
            "WITH a AS (SELECT id, at FROM raw WHERE k > NULL), b AS (SELECT 1 AS one)\n\
             SELECT x.at AS probe\nFROM a x JOIN u ON u.id = x.id\nWHERE 1 = 0"
        )
    );
    assert_eq!(
        found[2].largest.as_deref(),
        Some(
            "WITH a AS (SELECT id, at FROM raw WHERE k > 0), b AS (SELECT 1 AS one)\n\
             SELECT MAX(v) AS largest\nFROM a x JOIN u ON u.id = x.id WHERE x.at >= '0' AND v > DATE '1970-01-01'"
        )
    );
    assert_eq!(parse("SELECT {{last_sync_time}} > 5 AS a", Postgres).comparisons()[0].probe, None);
}

#[test]
fn without_a_type_there_is_a_note_about_plain_columns() {
    for dialect in DIALECTS {
        assert_eq!(places(EXAMPLES[0], dialect, Code::UnknownTypeComparedWithNumber), ["last_updated"]);
        assert_eq!(
            places(&query("t.at > '{{last_sync_time}}'"), dialect, Code::UnknownTypeComparedWithNumber),
            ["t.at"]
        );
        for silent in [
            "a > {{last_sync_time | timestamp}}",
            "COALESCE(a, b) > {{last_sync_time}}",
            "5 < {{last_sync_time}}",
        ] {
            assert!(
                places(&query(silent), dialect, Code::UnknownTypeComparedWithNumber).is_empty(),
                "{silent}"
            );
        }
    }
}

#[test]
fn a_moment_or_a_day_against_a_number_is_q010_with_the_typed_form() {
    let plain = "a >= {{last_sync_time}}";
    assert_fixed(
        Redshift,
        plain,
        MOMENT,
        None,
        Code::TimestampComparedWithNumber,
        "a >= {{last_sync_time | timestamp}}",
    );
    assert_fixed(
        Postgres,
        plain,
        (ColumnType::TimestampTz, "timestamp with time zone"),
        None,
        Code::TimestampComparedWithNumber,
        "a >= {{last_sync_time | timestamp}}",
    );
    assert_fixed(
        Redshift,
        "a > '{{last_sync_time}}'",
        MOMENT,
        None,
        Code::TimestampComparedWithNumber,
        "a > {{last_sync_time | timestamp}}",
    );
    assert_fixed(
        Redshift,
        "{{last_sync_time | millis}} < a",
        MOMENT,
        None,
        Code::TimestampComparedWithNumber,
        "{{last_sync_time | timestamp}} < a",
    );
    assert_fixed(
        Redshift,
        plain,
        DAY,
        None,
        Code::TimestampComparedWithNumber,
        "a >= {{last_sync_time | date}}",
    );
    let found = typed(&query("a > {{last_sync_time}} - 60"), Redshift, MOMENT.0, MOMENT.1, None);
    assert!(found[0].fix.is_none() && found[0].help.contains("lookback"), "{found:?}");
    assert!(typed(&query("a > {{last_sync_time | date}}"), Redshift, MOMENT.0, MOMENT.1, None).is_empty());
}

#[test]
fn a_number_against_a_time_is_q010_and_the_largest_value_shows_the_unit() {
    let stamp = "a >= {{last_sync_time | timestamp}}";
    assert_fixed(Redshift, stamp, NUMBER, None, Code::TimestampComparedWithNumber, "a >= {{last_sync_time}}");
    assert_fixed(
        Redshift,
        stamp,
        NUMBER,
        Some("1767225600000"),
        Code::TimestampComparedWithNumber,
        "a >= {{last_sync_time | millis}}",
    );
    let (plain, millis) = ("a >= {{last_sync_time}}", "a >= {{last_sync_time | millis}}");
    assert_fixed(Redshift, plain, NUMBER, Some("1767225600000"), Code::UnknownTypeComparedWithNumber, millis);
    assert_fixed(Redshift, millis, NUMBER, Some("1767225600"), Code::UnknownTypeComparedWithNumber, plain);
    for (condition, largest) in
        [(plain, Some("1767225600")), (plain, None), (plain, Some("42")), (millis, Some("42"))]
    {
        assert!(typed(&query(condition), Redshift, NUMBER.0, NUMBER.1, largest).is_empty());
    }
}

#[test]
fn a_text_against_a_number_is_q011_and_the_largest_value_shows_the_fix() {
    let plain = "a >= {{last_sync_time}}";
    assert_fixed(
        Redshift,
        plain,
        TEXT,
        Some("2026-01-31 10:00:00"),
        Code::TextComparedWithNumber,
        "a >= '{{last_sync_time | timestamp}}'",
    );
    assert_fixed(
        Postgres,
        plain,
        TEXT,
        Some("2026-01-31"),
        Code::TextComparedWithNumber,
        "a >= '{{last_sync_time | date}}'",
    );
    assert_fixed(
        Postgres,
        plain,
        (ColumnType::Text, "text"),
        Some("1767225600"),
        Code::TextComparedWithNumber,
        "a >= '{{last_sync_time}}'",
    );
    // Texts of ten digits are in the order of their numbers.
    assert!(typed(&query(plain), Redshift, TEXT.0, TEXT.1, Some("1767225600")).is_empty());
    assert_fixed(
        Redshift,
        "a >= '{{last_sync_time}}'",
        TEXT,
        Some("2026-01-31"),
        Code::TextComparedWithNumber,
        "a >= '{{last_sync_time | date}}'",
    );
    for (dialect, says) in [(Redshift, "every row"), (Postgres, "refuses")] {
        let found = typed(&query(plain), dialect, TEXT.0, TEXT.1, None);
        assert!(found[0].code == Code::TextComparedWithNumber && found[0].fix.is_none(), "{found:?}");
        assert!(found[0].message.contains(says) && found[0].help.contains("spoils"), "{found:?}");
    }
    let stamp = query("a >= {{last_sync_time | timestamp}}");
    let code = |dialect| typed(&stamp, dialect, TEXT.0, TEXT.1, None).first().map(|f| f.code);
    assert_eq!(
        (code(Redshift), code(Postgres), code(Sqlite)),
        (Some(Code::UnknownTypeComparedWithNumber), Some(Code::TextComparedWithNumber), None)
    );
    // A type without a better word is none to judge.
    assert!(typed(&query(plain), Redshift, ColumnType::Text, "oid 99999", None).is_empty());
    assert!(typed(&query(plain), Redshift, ColumnType::Json, "super", None).is_empty());
}

#[test]
fn a_date_needs_the_whole_day_again() {
    assert_fixed(
        Redshift,
        "a >= {{last_sync_time | timestamp}}",
        DAY,
        None,
        Code::LateRows,
        "a >= {{last_sync_time | date}}",
    );
    assert_fixed(
        Redshift,
        "a > {{last_sync_time | date}}",
        DAY,
        None,
        Code::LateRows,
        "a >= {{last_sync_time | date}}",
    );
    let query = parse(&query("a > {{last_sync_time | date}}"), Redshift);
    let column = Column { name: "probe".into(), ty: DAY.0, declared: DAY.1.into() };
    let known = [Some(Known { column, largest: None })];
    let lookback = Duration::from_secs(24 * 3600);
    let context = Context { lookback, known: &known, ..Context::of(CallType::Identify) };
    assert!(!query.lint(&context).iter().any(|f| f.code == Code::LateRows));
}

#[test]
fn a_conversion_of_the_column_is_q102_and_of_the_literal_is_not() {
    for (condition, place, fixed) in [
        (
            "EXTRACT(epoch FROM t.at) > {{last_sync_time}}",
            Some("EXTRACT(epoch FROM t.at)"),
            "t.at > {{last_sync_time | timestamp}}",
        ),
        (
            "(DATE_PART('epoch', at)) >= {{last_sync_time}}",
            Some("(DATE_PART('epoch', at))"),
            "at >= {{last_sync_time | timestamp}}",
        ),
        (
            "DATEDIFF(s, '1970-01-01', at) >= {{last_sync_time}}",
            Some("DATEDIFF(s, '1970-01-01', at)"),
            "at >= {{last_sync_time | timestamp}}",
        ),
        ("at::date >= {{last_sync_time | date}}", Some("at::date"), ""),
        ("CAST(at AS date) >= {{last_sync_time | date}}", Some("CAST(at AS date)"), ""),
        ("TO_CHAR(at, 'YYYY-MM-DD') >= '{{last_sync_time | date}}'", Some("TO_CHAR(at, 'YYYY-MM-DD')"), ""),
        ("EXTRACT(day FROM at) >= {{last_sync_time}}", Some("EXTRACT(day FROM at)"), ""),
        ("GREATEST(at, b) >= {{last_sync_time | timestamp}}", None, ""),
        ("at >= {{last_sync_time | timestamp}} AND b::date = c", None, ""),
    ] {
        let text = query(condition);
        assert_eq!(
            places(&text, Redshift, Code::FunctionAroundComparedColumn),
            place.into_iter().collect::<Vec<_>>(),
            "{condition}"
        );
        let fixed = if fixed.is_empty() { condition } else { fixed };
        assert_eq!(fix_all(&text, &lint(&text, Redshift)), query(fixed));
    }
}
