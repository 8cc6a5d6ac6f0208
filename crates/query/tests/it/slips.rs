//! Q018, Q130, Q206, and what Q001 and Q003 say of a path and of dbt: slips of those who write SQL
//! for another tool.

use outflow_core::Dialect::{Postgres, Redshift, Sqlite};
use outflow_core::{CallType, Code};
use outflow_query::lint::{Context, Finding};

use crate::{DIALECTS, EXAMPLES, codes, errors, parse};

fn lint(text: &str) -> Vec<Finding> {
    parse(text, Postgres).lint(&Context::of(CallType::Identify))
}

fn fixed(text: &str) -> String {
    let found = errors(text, Redshift);
    let (start, end, replacement) = found[0].text_place().and_then(|place| place.fix.clone()).expect("a fix");
    format!("{}{replacement}{}", &text[..start], &text[end..])
}

#[test]
fn slips_that_the_server_cannot_read_are_refused_with_the_change() {
    for (text, right) in [
        ("SELECT id AS 'userId' FROM t", "SELECT id AS \"userId\" FROM t"),
        ("SELECT [id] AS userId FROM t", "SELECT id AS userId FROM t"),
        ("SELECT id, [user id] FROM t", "SELECT id, \"user id\" FROM t"),
        ("SELECT id FROM [dbo].t", "SELECT id FROM dbo.t"),
        ("SELECT id AS \"userId\" email FROM t", "SELECT id AS \"userId\", email FROM t"),
        ("SELECT id AS userId\n  email plan FROM t", "SELECT id AS userId,\n  email plan FROM t"),
    ] {
        assert_eq!(codes(text, Redshift), [Code::UnreadableList], "{text}");
        assert_eq!(fixed(text), right);
        assert_eq!(codes(right, Redshift), [], "{right}");
    }
    for text in ["SELECT id AS 'userId' FROM t", "SELECT [id] AS userId FROM t"] {
        assert_eq!(codes(text, Sqlite), [], "{text}");
    }
}

#[test]
fn sound_queries_have_no_such_slip() {
    for text in [
        "SELECT CAST(a AS double precision), b AS x FROM t",
        "SELECT CAST(a AS timestamp with time zone) AS at FROM t",
        "SELECT ARRAY[a, b] AS l, ARRAY[[a], [b]] AS m, c[i] AS n, (d)[i] FROM t",
        "SELECT a.b[i].c AS x FROM t",
        "SELECT a::timestamp AS b FROM t ORDER BY a LIMIT 3",
        "SELECT a AS b FROM t WHERE c = 'x' UNION ALL SELECT a AS b FROM t FETCH FIRST 3 ROWS ONLY",
        "SELECT a AS b",
        "SELECT a AS b LIMIT 1",
        "WITH q AS (SELECT 1 AS a) SELECT a AS b, count(*) AS n FROM q GROUP BY a HAVING count(*) > 1",
        "SELECT sum(a) OVER (PARTITION BY b) AS s FROM t WINDOW w AS (PARTITION BY b)",
        "SELECT t.as FROM t",
    ] {
        for dialect in [Postgres, Redshift] {
            assert_eq!(codes(text, dialect), [], "{dialect:?}: {text}");
        }
        let odd = |f: &&Finding| matches!(f.code, Code::ComparedWithNull | Code::AliasWithoutAs);
        assert_eq!(lint(text).iter().find(odd), None, "{text}");
    }
    for text in EXAMPLES {
        for dialect in DIALECTS {
            assert_eq!(codes(text, dialect), [], "{dialect:?}: {text}");
        }
    }
}

#[test]
fn a_comparison_with_null_is_found_and_mended() {
    for (text, right) in [
        ("SELECT a FROM t WHERE plan = NULL", "plan IS NULL"),
        ("SELECT a FROM t WHERE plan <> null AND a = 1", "plan IS NOT NULL AND"),
        ("SELECT a FROM t WHERE plan!=NULL", "plan IS NOT NULL"),
        ("SELECT CASE WHEN plan = NULL THEN 1 END AS x FROM t", "WHEN plan IS NULL THEN"),
    ] {
        let found = lint(text);
        let finding = found.iter().find(|f| f.code == Code::ComparedWithNull).unwrap();
        let changed = finding.fix.clone().unwrap().apply(text);
        assert!(changed.contains(right), "{changed}");
    }
    for text in [
        "SELECT a FROM t WHERE plan IS NULL OR plan IS NOT NULL",
        "SELECT f(a => NULL) AS x, COALESCE(a, NULL) AS y FROM t WHERE b = NULLIF(a, 1)",
        "SELECT NULL AS a, CASE WHEN a = 1 THEN NULL END AS b FROM t",
    ] {
        assert!(lint(text).iter().all(|f| f.code != Code::ComparedWithNull), "{text}");
    }
}

#[test]
fn two_names_side_by_side_are_a_note_where_a_comma_may_be_missing() {
    for text in ["SELECT id AS \"userId\", email plan FROM t", "SELECT id,\n  email\n  plan\nFROM t"] {
        let found = lint(text);
        let finding = found.iter().find(|f| f.code == Code::AliasWithoutAs).unwrap();
        assert!(finding.message.contains("email is sent as plan"), "{finding:?}");
    }
    for text in [
        "SELECT id \"userId\", email mail, plan tier FROM t",
        "SELECT u.id AS \"userId\", u.email user_email, name full_name FROM t",
        "SELECT id AS \"userId\", count(*) orders, 'x' source FROM t",
        "SELECT id AS \"userId\", email AS plan FROM t",
    ] {
        assert!(lint(text).iter().all(|f| f.code != Code::AliasWithoutAs), "{text}");
    }
}

#[test]
fn a_path_and_a_model_of_dbt_are_answered_with_what_to_write() {
    let path = errors("queries/users.sql\n", Postgres);
    assert_eq!(path.len(), 1);
    assert!(path[0].help_text().unwrap().ends_with("query: { file: queries/users.sql }"), "{path:?}");
    let model = "SELECT id FROM users {% if is_incremental() %} WHERE a > 1 {% endif %}";
    let found = errors(model, Postgres);
    assert!(found[0].help_text().unwrap().contains("WHERE updated_at >= {{last_sync_time | timestamp}}"));
}
