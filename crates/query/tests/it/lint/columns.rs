//! Q101, Q103, Q105, Q109, Q110, Q111, Q201, and the names that a text gives.

use outflow_core::Dialect::{Postgres, Redshift, Sqlite};
use outflow_core::{CallType, Code};
use outflow_query::lint::{Context, Finding};

use super::{assert_places, at, places};
use crate::{DIALECTS, EXAMPLES, parse};

fn of_type(text: &str, call_type: CallType, customer_io: bool) -> Vec<Finding> {
    parse(text, Redshift).lint(&Context { customer_io, ..Context::of(call_type) })
}

#[test]
fn every_column_of_a_table_is_found_and_of_a_query_that_names_its_own_is_not() {
    for dialect in DIALECTS {
        assert_places(
            dialect,
            Code::SelectStar,
            &[
                ("SELECT * FROM t", &["*"]),
                ("SELECT id AS x, t.* FROM t", &["t.*"]),
                ("WITH x AS (SELECT * FROM t) SELECT * FROM x", &["*"]),
                ("SELECT * FROM (SELECT id, a * b AS c FROM t) AS x", &[]),
                ("WITH y AS (SELECT 1 AS a), x AS (SELECT id FROM t) SELECT * FROM x", &[]),
                ("WITH x AS (SELECT id FROM t) SELECT * FROM x JOIN u ON x.id = u.id", &["*"]),
                ("WITH x (a) AS (SELECT id FROM t) SELECT * FROM x", &[]),
                ("SELECT count(*) AS n, a * b AS c FROM t", &[]),
                ("SELECT id FROM t WHERE EXISTS (SELECT * FROM u)", &[]),
            ],
        );
    }
}

#[test]
fn the_text_tells_names_only_where_it_is_sure() {
    for (text, names, complete) in [
        (
            "SELECT id AS userId, t.email, \"Plan\", count(*) AS n, max(x) m FROM t",
            "userId email Plan n m",
            true,
        ),
        ("SELECT a, count(*), 'x', 5 FROM t", "a", true),
        ("SELECT CASE WHEN a THEN b END kind, a + b total FROM t", "kind total", true),
        ("SELECT DISTINCT ON (a) a, b FROM t", "a b", true),
        ("SELECT TOP 5 a, b FROM t", "a b", true),
        ("SELECT a::text, b FROM t", "b", false),
        ("SELECT CAST(userId AS text) FROM t", "", false),
        ("SELECT a AT TIME ZONE 'UTC' FROM t", "", false),
        ("SELECT a IS NULL, b FROM t", "b", false),
        ("SELECT INTERVAL '1' day, b FROM t", "b", false),
        ("SELECT EXTRACT(epoch FROM a) AS x, b IS DISTINCT FROM c AS y FROM t", "x y", true),
        ("SELECT a AS x FROM t UNION SELECT b AS y FROM t", "x", true),
        ("(SELECT a AS x FROM t) UNION (SELECT b AS y FROM t)", "x", true),
        ("SELECT * FROM (SELECT id AS userId FROM t) x", "userId", true),
        ("SELECT ARRAY[1, 2] AS a, f(1, 2) AS b FROM t", "a b", true),
        ("SELECT *, a AS b FROM t", "b", false),
    ] {
        let output = parse(text, Redshift).output().unwrap();
        assert_eq!((output.names.join(" ").as_str(), output.is_complete), (names, complete), "{text}");
    }
}

#[test]
fn the_same_name_twice_is_found_in_any_case() {
    assert_places(
        Postgres,
        Code::DuplicateColumn,
        &[
            ("SELECT a AS x, b AS \"X\", c AS y FROM t", &["\"X\""]),
            ("SELECT u.id, v.id FROM u, v", &["id"]),
            ("SELECT a, a AS b FROM t", &[]),
        ],
    );
}

#[test]
fn secrets_are_found_by_the_column_or_its_alias() {
    assert_places(
        Redshift,
        Code::SecretLikeColumn,
        &[
            ("SELECT u.password_hash AS x FROM u", &["password_hash"]),
            ("SELECT md5(p) AS \"apiKey\" FROM u", &["\"apiKey\""]),
            ("SELECT password_changed_at, device_token, has_password FROM u", &[]),
            ("SELECT id FROM u WHERE password IS NOT NULL", &[]),
        ],
    );
}

#[test]
fn names_with_capitals_are_noted_where_the_server_folds_them() {
    for (dialect, wanted) in [(Redshift, &["planTier"][..]), (Postgres, &["planTier"]), (Sqlite, &[])] {
        let text = "SELECT id AS userId, plan AS planTier, a AS \"B\" FROM t WHERE a > {{last_sync_time}}";
        assert_eq!(places(text, dialect, Code::CaseFolded), wanted);
    }
    let quoted = "SELECT id AS \"userId\", plan AS \"planTier\", a AS firstName FROM t";
    assert_eq!(places(quoted, Redshift, Code::CaseFolded), ["\"planTier\""]);
    assert_eq!(places(quoted, Postgres, Code::CaseFolded), ["firstName"]);
    let found = super::lint(quoted, Redshift);
    let note = found.iter().find(|f| f.code == Code::CaseFolded).unwrap();
    assert!(note.message.ends_with("planTier, firstName"), "{}", note.message);
    assert!(note.help.contains("enable_case_sensitive_identifier"), "{}", note.help);
}

#[test]
fn very_many_columns_are_found() {
    let query = |n: usize| {
        let columns: Vec<_> = (0..n).map(|i| format!("c{i}")).collect();
        format!("SELECT {} FROM t", columns.join(", "))
    };
    for (count, says) in [(200, None), (201, Some("201 columns")), (513, Some("512")), (1_601, Some("1600"))]
    {
        let found = super::lint(&query(count), Redshift);
        let message = found.iter().find(|f| f.code == Code::ManyColumns).map(|f| f.message.clone());
        assert_eq!(message.is_some(), says.is_some(), "{count}");
        assert!(message.unwrap_or_default().contains(says.unwrap_or_default()), "{count}");
    }
}

#[test]
fn a_group_without_a_person_is_found() {
    let found = |text| !at(text, &of_type(text, CallType::Group, false), Code::GroupWithoutUserId).is_empty();
    assert!(found("SELECT id AS groupId, name FROM c"));
    assert!(!found("SELECT id AS groupId, p AS USERID FROM c"));
    assert!(!found("SELECT id AS groupId, p AS anonymousId FROM c"));
    assert!(!found("SELECT * FROM c"));
    assert!(!found("SELECT id AS groupId, userId::text FROM c"));
}

#[test]
fn commands_of_customer_io_are_found_in_track_queries_that_go_there() {
    let text =
        "SELECT u AS userId, CASE WHEN k = 'Object Deleted' THEN 'User Deleted' ELSE k END AS event FROM t";
    assert_eq!(at(text, &of_type(text, CallType::Track, true), Code::EventNameIsCommand), ["'User Deleted'"]);
    assert!(at(text, &of_type(text, CallType::Track, false), Code::EventNameIsCommand).is_empty());
    assert!(at(text, &of_type(text, CallType::Page, true), Code::EventNameIsCommand).is_empty());
    let plain = "SELECT u AS userId, 'Device Deleted' AS event, 'User Deleted' AS note FROM t";
    assert_eq!(
        at(plain, &of_type(plain, CallType::Track, true), Code::EventNameIsCommand),
        ["'Device Deleted'"]
    );
}

#[test]
fn the_examples_of_the_reference_page_have_no_findings_but_the_right_ones() {
    let allowed = [Code::CaseFolded, Code::UnknownTypeComparedWithNumber, Code::ReservedWordAsName];
    for text in EXAMPLES {
        for dialect in DIALECTS {
            let codes: Vec<Code> =
                super::lint(text, dialect).iter().map(|f| f.code).filter(|c| !allowed.contains(c)).collect();
            assert!(codes.is_empty(), "{text}: {codes:?}");
        }
    }
}
