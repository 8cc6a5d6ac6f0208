//! Q126, Q104 and Q102 where they belong to syntax that some databases lack.

use outflow_core::Code;
use outflow_core::Dialect::{Postgres, Redshift, Sqlite};

use super::{assert_places, fix_all, lint, places};

#[test]
fn what_redshift_lacks_is_found_and_what_it_has_is_not() {
    assert_places(
        Redshift,
        Code::SyntaxUnsupported,
        &[
            ("SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC", &["DISTINCT ON"]),
            ("SELECT a FROM t, LATERAL (SELECT 1) x", &["LATERAL"]),
            ("SELECT a FROM t LEFT JOIN LATERAL (SELECT 1) x ON true", &["LATERAL"]),
            ("SELECT count(*) FILTER (WHERE a > 1) AS n FROM t", &["FILTER"]),
            ("SELECT a FROM t ORDER BY a FETCH FIRST 3 ROWS WITH TIES", &["WITH TIES"]),
            ("SELECT a FROM (VALUES (1), (2)) AS v (a)", &["VALUES"]),
            ("WITH v AS (VALUES (1)) SELECT a FROM v", &["VALUES"]),
            ("SELECT count(DISTINCT a) OVER (PARTITION BY b) AS n FROM t", &["DISTINCT"]),
            ("SELECT `a` FROM t", &["`"]),
            ("SELECT DISTINCT a FROM t", &[]),
            ("SELECT count(DISTINCT a) AS n, sum(b) OVER (PARTITION BY c) AS s FROM t", &[]),
            ("SELECT filter, lateral, a.values FROM t", &[]),
            ("SELECT '`' AS a -- DISTINCT ON (a)\nFROM t", &[]),
            ("WITH ties AS (SELECT 1 AS a) SELECT a FROM ties", &[]),
        ],
    );
    for text in
        ["SELECT DISTINCT ON (a) a FROM t ORDER BY a, b", "SELECT count(*) FILTER (WHERE a) AS n FROM t"]
    {
        assert_eq!(places(text, Postgres, Code::SyntaxUnsupported), [""; 0], "{text}");
    }
    assert_eq!(places("SELECT DISTINCT ON (a) a FROM t", Sqlite, Code::SyntaxUnsupported), ["DISTINCT ON"]);
    assert_eq!(places("SELECT `a` FROM t", Sqlite, Code::SyntaxUnsupported), [""; 0]);
}

#[test]
fn distinct_on_becomes_qualify() {
    let text = "SELECT DISTINCT ON (user_id) user_id AS userId, plan, updated_at\n\
                FROM plan_changes\n\
                WHERE updated_at >= {{last_sync_time | timestamp}}\n\
                ORDER BY user_id, updated_at DESC\n";
    let found = lint(text, Redshift);
    let codes: Vec<Code> = found.iter().map(|f| f.code).collect();
    assert_eq!(codes, [Code::SyntaxUnsupported], "the ORDER BY is needed: {found:?}");
    let fixed = fix_all(text, &found);
    assert_eq!(
        fixed,
        "SELECT user_id AS userId, plan, updated_at\n\
         FROM plan_changes\n\
         WHERE updated_at >= {{last_sync_time | timestamp}}\n\
         QUALIFY ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY updated_at DESC) = 1\n"
    );
    assert_eq!(lint(&fixed, Redshift), []);
    for (from, to) in [
        ("FROM changes", "FROM changes AS changes"),
        ("FROM public.changes", "FROM public.changes AS changes"),
        ("FROM changes c", "FROM changes c"),
        ("FROM a JOIN b ON a.id = b.id", "FROM a JOIN b ON a.id = b.id"),
        ("FROM (SELECT 1 AS a) x", "FROM (SELECT 1 AS a) x"),
        ("FROM a, b", "FROM a, b AS b"),
        ("FROM changes GROUP BY a, b", "FROM changes GROUP BY a, b"),
    ] {
        let text = format!("SELECT DISTINCT ON (a) a, b\n{from}\nORDER BY a, b");
        let fixed = fix_all(&text, &lint(&text, Redshift));
        let qualify = "QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1";
        assert_eq!(fixed, format!("SELECT a, b\n{to}\n{qualify}"));
    }
    let help = |dialect| {
        let found = lint("SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b", dialect);
        found.into_iter().find(|f| f.code == Code::SyntaxUnsupported).unwrap().help
    };
    assert!(help(Redshift).contains("QUALIFY"));
    assert!(!help(Sqlite).contains("QUALIFY") && help(Sqlite).contains("AS number"));
    // On PostgreSQL it stays, and its order with it.
    assert!(lint(text, Postgres).iter().all(|f| f.code != Code::OrderOrLimit));
    let plain = text.replace("DISTINCT ON (user_id) ", "");
    assert!(lint(&plain, Postgres).iter().any(|f| f.code == Code::OrderOrLimit));
}

#[test]
fn a_conversion_within_a_conversion_is_found_with_the_column_inside() {
    for expression in [
        "EXTRACT(epoch FROM x::timestamp)",
        "EXTRACT(epoch FROM CAST(x AS timestamp))",
        "EXTRACT(epoch FROM (x))",
        "EXTRACT(epoch FROM x)::bigint",
        "CAST(EXTRACT(epoch FROM x::timestamp) AS bigint)",
        "FLOOR(EXTRACT(epoch FROM x))",
        "DATE_PART('epoch', x::timestamptz)",
        "x::timestamp::date",
        "(x::timestamp)",
        "DATE_TRUNC('day', x::timestamp)",
    ] {
        let text = format!("SELECT id FROM t WHERE {expression} >= {{{{last_sync_time}}}}");
        let found = lint(&text, Redshift);
        let finding = found.iter().find(|f| f.code == Code::FunctionAroundComparedColumn);
        let finding = finding.unwrap_or_else(|| panic!("{expression}: {found:?}"));
        assert!(finding.message.contains("around x:"), "{expression}: {}", finding.message);
        assert!(
            finding.fix.is_none() || expression == "EXTRACT(epoch FROM (x))",
            "{expression}: {finding:?}"
        );
    }
    for expression in ["x", "t.x", "COALESCE(x, y)", "x + 5"] {
        let text = format!("SELECT id FROM t WHERE {expression} >= {{{{last_sync_time}}}}");
        assert_eq!(places(&text, Redshift, Code::FunctionAroundComparedColumn), [""; 0], "{expression}");
    }
}

#[test]
fn findings_about_case_say_what_happens() {
    let two = "SELECT 1 AS \"userId\", 'a' AS \"Name\", 'b' AS \"name\"";
    let found = lint_as(two, |_, one, other| one == other);
    assert!(found.iter().any(|f| f.message.contains("two fields that differ in case alone")), "{found:?}");
    let same = lint_as("SELECT 1 AS a, 'a' AS x, 'b' AS x", |_, one, other| one == other);
    assert!(same.iter().any(|f| f.message.contains("fill the same field")), "{same:?}");

    let union = "SELECT * FROM (SELECT 1 AS userId, 'free' AS planTier UNION ALL SELECT 2 AS userId, 'pro' AS PlanTier) q";
    let found = lint(union, Postgres);
    let note = found.iter().find(|f| f.code == Code::CaseFolded).unwrap();
    assert!(
        note.message.ends_with("in lower case, as the query spells planTier in several ways: spell it alike"),
        "{}",
        note.message
    );
    assert!(note.help.contains("SELECT plantier AS \"planTier\""), "{}", note.help);
    let alike = union.replace("PlanTier", "planTier");
    let found = lint(&alike, Postgres);
    let note = found.iter().find(|f| f.code == Code::CaseFolded).unwrap();
    assert!(note.message.ends_with("calls have them as the query does: planTier"), "{}", note.message);
}

fn lint_as(
    text: &str,
    same_field: fn(outflow_core::CallType, &str, &str) -> bool,
) -> Vec<outflow_query::lint::Finding> {
    let context = outflow_query::lint::Context {
        same_field,
        ..outflow_query::lint::Context::of(outflow_core::CallType::Identify)
    };
    crate::parse(text, Postgres).lint(&context)
}
