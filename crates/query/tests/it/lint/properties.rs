//! What holds for the findings of any text.

use outflow_core::{CallType, Code, Column, ColumnType, Dialect};
use outflow_query::Query;
use outflow_query::lint::{Context, Finding, Known};
use proptest::prelude::*;

use super::fix_all;
use crate::DIALECTS;
use crate::properties::piece;

/// Pieces of ordinary SQL that have findings.
fn sane() -> impl Strategy<Value = String> {
    let item = prop::sample::select(vec![
        "id AS userId",
        "timestamp",
        "a AS timestamp",
        "GETDATE() AS \"é\"",
        "t.*",
        "NOW() AS n",
        "password",
        "'é' AS e",
        "CASE WHEN a THEN 'User Deleted' END AS event",
        "tag",
        "CAST(b AS date)",
        "x y",
        "count(*)",
        "a::text",
    ]);
    let source = prop::sample::select(vec![
        "t",
        "s.t AS u",
        "(SELECT * FROM raw WHERE k > {{last_sync_time}}) x",
        "a JOIN b ON a.id > {{last_sync_time}}",
        "c",
    ]);
    let condition = prop::sample::select(vec![
        "timestamp > {{last_sync_time}}",
        "at >= {{ last_sync_time | timestamp }}",
        "EXTRACT(epoch FROM timestamp) > {{last_sync_time}}",
        "b = 'é'",
        "at > '{{last_sync_time}}'",
        "{{last_sync_time | millis}} < at",
        "at < NOW()",
        "d > {{last_sync_time | date}}",
        "DATE_PART(epoch, a.b) BETWEEN {{last_sync_time}} AND 5",
        "at > {{last_sync_time}} - 60",
    ]);
    let tail = prop::sample::select(vec!["", ";", " ORDER BY at", " LIMIT 5;", " -- é\n;"]);
    let with = prop::sample::select(vec!["", "WITH c AS (SELECT id FROM t WHERE tag > 5) ", "-- é\n"]);
    (with, prop::collection::vec(item, 1..5), source, prop::collection::vec(condition, 1..4), tail).prop_map(
        |(with, items, source, conditions, tail)| {
            format!(
                "{with}SELECT {}\nFROM {source}\nWHERE {}{tail}",
                items.join(", "),
                conditions.join(" AND ")
            )
        },
    )
}

fn known() -> impl Strategy<Value = Option<Known>> {
    let ty = prop::sample::select(vec![
        (ColumnType::Int, "bigint"),
        (ColumnType::Timestamp, "timestamp"),
        (ColumnType::Date, "date"),
        (ColumnType::Text, "text"),
        (ColumnType::Json, "super"),
    ]);
    let largest =
        prop::option::of(prop::sample::select(vec!["1767225600", "1767225600000", "2026-01-31", "5"]));
    prop::option::of((ty, largest).prop_map(|((ty, declared), largest)| Known {
        column: Column { name: "probe".into(), ty, declared: declared.into() },
        largest: largest.map(str::to_owned),
    }))
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(DIALECTS.to_vec())
}

/// Lints with the same knowledge of every comparison.
fn findings(query: &Query, known: Option<&Known>) -> Vec<Finding> {
    let known = vec![known.cloned(); query.comparisons().len()];
    query.lint(&Context { customer_io: true, known: &known, ..Context::of(CallType::Track) })
}

fn assert_in_place(text: &str, found: &[Finding]) -> Result<(), TestCaseError> {
    let fixes = found.iter().filter_map(|f| f.fix.as_ref()).map(|f| (f.start, f.end));
    for (start, end) in found.iter().map(|f| (f.start, f.end)).chain(fixes) {
        prop_assert!(start <= end && text.get(start..end).is_some(), "{start}..{end} of {text:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic_and_places_lie_in_the_text(pieces in prop::collection::vec(piece(), 0..30), d in dialect(), known in known()) {
        let text = format!("SELECT {}", pieces.concat());
        if let Ok(query) = Query::parse(&text, d) {
            let found = findings(&query, known.as_ref());
            assert_in_place(&text, &found)?;
            query.output();
            prop_assert!(found.iter().all(|f| !f.to_error(&text).message().is_empty()));
        }
    }

    #[test]
    fn a_fix_ends_its_finding_and_the_fixed_text_has_nothing_new(text in sane(), d in dialect(), known in known()) {
        let query = Query::parse(&text, d).map_err(|e| TestCaseError::fail(format!("{text}: {e:?}")))?;
        let found = findings(&query, known.as_ref());
        assert_in_place(&text, &found)?;
        for finding in &found {
            let Some(fix) = &finding.fix else { continue };
            let fixed = fix.apply(&text);
            let again = Query::parse(&fixed, d).map_err(|e| TestCaseError::fail(format!("{fixed}: {e:?}")))?;
            let same = |f: &&Finding| f.code == finding.code;
            let count = findings(&again, known.as_ref()).iter().filter(same).count();
            prop_assert!(count < found.iter().filter(same).count(), "{finding:?} in {text}");
        }
        // Each round may make way for another finding at the same place; then it is still.
        let mut fixed = text.clone();
        for _ in 0..3 {
            let query = Query::parse(&fixed, d).map_err(|e| TestCaseError::fail(format!("{fixed}: {e:?}")))?;
            fixed = fix_all(&fixed, &findings(&query, known.as_ref()));
        }
        let query = Query::parse(&fixed, d).map_err(|e| TestCaseError::fail(format!("{fixed}: {e:?}")))?;
        let left = findings(&query, known.as_ref());
        prop_assert!(left.iter().all(|f| f.fix.is_none()), "{left:?} in {fixed}");
        prop_assert_eq!(&left, &findings(&query, known.as_ref()));
        let codes: Vec<Code> = found.iter().map(|f| f.code).collect();
        let news = left.iter().find(|f| !codes.contains(&f.code) && !matches!(f.code, Code::UnknownTypeComparedWithNumber | Code::LateRows));
        prop_assert!(news.is_none(), "{news:?} in {fixed}");
    }
}
