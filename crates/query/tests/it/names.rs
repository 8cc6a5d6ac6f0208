//! How columns get the case of their names back.

use outflow_core::{Column, ColumnType, Dialect};

use crate::{DIALECTS, EXAMPLES, parse};

fn restored(text: &str, dialect: Dialect, names: &[&str]) -> Vec<String> {
    let column = |n: &&str| Column { name: (*n).into(), ty: ColumnType::Text, declared: String::new() };
    let mut columns: Vec<_> = names.iter().map(column).collect();
    parse(text, dialect).restore_names(&mut columns);
    columns.into_iter().map(|c| c.name).collect()
}

#[test]
fn the_examples_get_their_names_back() {
    for dialect in DIALECTS {
        for (text, names) in EXAMPLES.iter().zip([
            vec!["userId", "email", "fname", "lname", "phone"],
            vec!["userId", "event", "products", "value"],
            vec!["groupId", "objectTypeId", "companyname", "employees", "userId"],
            vec!["userId", "name", "url", "time_on_page"],
            vec!["userId", "name", "session_started"],
            vec!["userId", "previousId"],
        ]) {
            let folded: Vec<_> = names.iter().map(|n| n.to_lowercase()).collect();
            let folded: Vec<_> = folded.iter().map(String::as_str).collect();
            assert_eq!(restored(text, dialect, &folded), names, "{dialect:?} {text}");
        }
    }
}

#[test]
fn a_select_list_tells_by_position() {
    let text = "SELECT t.firstName, \"lastName\"::text, (planTier), COUNT(*), x AS A, y AS a FROM t";
    assert_eq!(
        restored(text, Dialect::Redshift, &["firstname", "lastname", "plantier", "count", "a", "a"]),
        ["firstName", "lastName", "planTier", "count", "A", "a"]
    );
    assert_eq!(restored("SELECT userId FROM t", Dialect::Postgres, &["user_id"]), ["user_id"]);
    assert_eq!(restored("SELECT userId FROM t", Dialect::Redshift, &["USERID"]), ["userId"]);
}

#[test]
fn the_first_select_of_a_union_names_the_columns() {
    let text = "(SELECT a AS userId FROM t) UNION ALL SELECT b AS USERID FROM u";
    assert_eq!(restored(text, Dialect::Postgres, &["userid"]), ["userId"]);
}

#[test]
fn behind_a_wildcard_names_are_found_where_they_are_written() {
    let text = "WITH people AS (SELECT id AS userId, planTier FROM t) SELECT *, now() AS seenAt FROM people p JOIN (SELECT teamSize FROM u) s ON true";
    assert_eq!(
        restored(text, Dialect::Redshift, &["userid", "plantier", "teamsize", "seenat", "other"]),
        ["userId", "planTier", "teamSize", "seenAt", "other"]
    );
    let ambiguous = "SELECT * FROM (SELECT a AS userId FROM t) x JOIN (SELECT b AS UserID FROM u) y ON true";
    assert_eq!(restored(ambiguous, Dialect::Redshift, &["userid", "userid"]), ["userid", "userid"]);
    assert_eq!(
        restored("SELECT *, 1 AS Plan FROM t", Dialect::Redshift, &["plan", "plan"]),
        ["plan", "plan"]
    );
}

#[test]
fn aliases_come_back_even_where_the_parser_gives_up() {
    let text = "SELECT APPROXIMATE COUNT(DISTINCT x) AS peopleCount, CAST(a AS VARCHAR) AS \"fullName\", b varchar FROM t";
    assert_eq!(
        restored(text, Dialect::Redshift, &["peoplecount", "fullname", "varchar"]),
        ["peopleCount", "fullName", "varchar"]
    );
}
