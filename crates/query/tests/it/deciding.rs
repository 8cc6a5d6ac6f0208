//! Which columns of the result decide in which runs a row is read.

use outflow_core::Dialect;
use outflow_query::Query;

fn of(text: &str) -> Result<Vec<String>, String> {
    of_dialect(text, Dialect::Postgres)
}

fn of_dialect(text: &str, dialect: Dialect) -> Result<Vec<String>, String> {
    Query::parse(text, dialect).expect("it is one query that reads").deciding_columns()
}

#[test]
fn a_compared_column_that_the_select_list_has_decides() {
    for (text, expected) in [
        (
            "SELECT u AS \"userId\", ts AS \"timestamp\" FROM e WHERE ts >= {{last_sync_time | timestamp}}",
            "timestamp",
        ),
        ("SELECT u, ts FROM e WHERE ts > {{last_sync_time}}", "ts"),
        ("SELECT u, e.ts FROM e WHERE e.ts > {{last_sync_time | millis}} AND u <> 4", "ts"),
        ("SELECT u, e.ts AS t FROM e JOIN f ON f.id = e.id WHERE {{last_sync_time}} <= ts", "t"),
        ("SELECT u, (ts) AS t FROM e WHERE (e.ts >= '{{last_sync_time | timestamp}}'::timestamp)", "t"),
        ("SELECT * FROM e WHERE ts >= {{last_sync_time}}", "ts"),
        ("SELECT e.*, f.n FROM e JOIN f USING (id) WHERE e.ts >= {{last_sync_time}}", "ts"),
        ("SELECT u, ts FROM e WHERE EXTRACT(epoch FROM ts) >= {{last_sync_time}}", "ts"),
        ("SELECT u, ts FROM e WHERE date_trunc('hour', ts) >= {{last_sync_time | timestamp}}", "ts"),
        ("SELECT u, ts FROM e WHERE ts >= {{last_sync_time | timestamp}} - INTERVAL '1 hour'", "ts"),
        ("SELECT u, ts FROM e WHERE ts BETWEEN {{last_sync_time}} AND 99", "ts"),
        ("SELECT DISTINCT u, ts FROM e WHERE ts >= {{last_sync_time}} ORDER BY ts LIMIT 5", "ts"),
        ("SELECT u, ts, count(*) FROM e WHERE ts >= {{last_sync_time}} GROUP BY u, ts", "ts"),
        ("WITH n AS (SELECT u, ts FROM e WHERE ts >= {{last_sync_time}}) SELECT u, ts AS t FROM n", "t"),
        (
            "WITH m AS (SELECT 1), n AS (SELECT u, ts AS s FROM e WHERE ts >= {{last_sync_time}}), o AS (SELECT * FROM n) \
          SELECT u, o.s AS t FROM o",
            "t",
        ),
        ("SELECT x.u, x.s AS t FROM (SELECT u, ts AS s FROM e WHERE ts >= {{last_sync_time}}) x", "t"),
        (
            "SELECT u, ts FROM (SELECT u, ts FROM a UNION ALL SELECT u, ts FROM b) e WHERE ts >= {{last_sync_time}}",
            "ts",
        ),
        (
            "WITH n AS (SELECT id FROM a UNION SELECT id FROM b) SELECT u, ts FROM e JOIN n USING (id) \
          WHERE ts >= {{last_sync_time}}",
            "ts",
        ),
    ] {
        assert_eq!(of(text), Ok(vec![expected.to_owned()]), "{text}");
        let redshift = of_dialect(text, Dialect::Redshift);
        assert!(redshift.is_err() || redshift == Ok(vec![expected.to_owned()]), "{text}: {redshift:?}");
    }
}

#[test]
fn all_compared_columns_decide() {
    let text = "SELECT u, a AS x, b FROM e WHERE a >= {{last_sync_time}} OR b >= {{last_sync_time}}";
    let mut columns = of(text).unwrap();
    columns.sort();
    assert_eq!(columns, ["b", "x"]);
    let text = "SELECT u, a, b FROM e WHERE COALESCE(a, b) >= {{last_sync_time}}";
    let mut columns = of(text).unwrap();
    columns.sort();
    assert_eq!(columns, ["a", "b"]);
}

#[test]
fn where_the_text_does_not_show_it_nothing_decides() {
    for text in [
        // The stamp of the call is another one, or rounded.
        "SELECT u, happened AS \"timestamp\" FROM e WHERE loaded >= {{last_sync_time}}",
        "SELECT u, ts::date AS \"timestamp\" FROM e WHERE ts >= {{last_sync_time}}",
        "SELECT u, date_trunc('day', ts) AS ts FROM e WHERE ts >= {{last_sync_time}}",
        "SELECT u, EXTRACT(epoch FROM ts) AS ts FROM e WHERE ts >= {{last_sync_time}}",
        "SELECT u, max(ts) AS ts FROM e WHERE ts >= {{last_sync_time}} GROUP BY u",
        "SELECT u, f.ts FROM e JOIN f USING (id) WHERE e.ts >= {{last_sync_time}}",
        "SELECT f.*, e.u FROM e JOIN f USING (id) WHERE e.ts >= {{last_sync_time}}",
        "SELECT u, a FROM e WHERE a >= {{last_sync_time}} OR b >= {{last_sync_time}}",
        // There are other ways into the result.
        "SELECT u, ts FROM e WHERE ts >= {{last_sync_time}} OR u = 5",
        "SELECT u, ts FROM e WHERE ts >= {{last_sync_time}} OR ts IS NULL",
        "SELECT u, ts FROM e WHERE CASE WHEN v THEN ts >= {{last_sync_time}} ELSE true END",
        "SELECT u, ts FROM e WHERE id IN (SELECT id FROM f WHERE ts >= {{last_sync_time}})",
        "SELECT u, ts FROM e WHERE EXISTS (SELECT 1 FROM f WHERE f.ts >= {{last_sync_time}})",
        "SELECT u, ts FROM e JOIN f ON f.id = e.id AND f.ts >= {{last_sync_time}}",
        "SELECT u, ts FROM e GROUP BY u, ts HAVING max(ts) >= {{last_sync_time}}",
        // Equal rows of both branches could lie in different windows, or become equal by rounding.
        "SELECT u, ts FROM a WHERE ts >= {{last_sync_time}} UNION SELECT u, ts FROM b WHERE ts >= {{last_sync_time}}",
        "SELECT u, ts FROM a WHERE ts >= {{last_sync_time}} UNION ALL SELECT u, ts FROM b WHERE ts >= {{last_sync_time}}",
        "WITH n AS (SELECT u, ts FROM e WHERE ts >= {{last_sync_time}}) SELECT a.u, a.ts FROM n a JOIN n b USING (u) \
         WHERE a.ts >= {{last_sync_time}}",
        "WITH n AS (SELECT u, ts FROM e WHERE ts >= {{last_sync_time}}) SELECT a.u, a.ts FROM n a JOIN n b USING (u)",
        "WITH n AS (SELECT u, ts FROM e WHERE ts >= {{last_sync_time}} LIMIT 5) SELECT u, ts FROM n",
        "WITH n(u, t) AS (SELECT u, ts FROM e WHERE ts >= {{last_sync_time}}) SELECT u, t FROM n",
        "WITH n AS (SELECT max(ts) AS ts FROM e WHERE ts >= {{last_sync_time}}) SELECT ts FROM n",
        // The variable gives something else than a window.
        "SELECT u, ts, {{last_sync_time}} AS s FROM e WHERE ts >= {{last_sync_time}}",
        "SELECT u, ts FROM e WHERE ts >= {{last_sync_time}} AND random() * {{last_sync_time}} < 5",
        "SELECT u, ts FROM e WHERE ts + random() >= {{last_sync_time}}",
        "SELECT u, ts FROM e WHERE now() - ts < now() - to_timestamp({{last_sync_time}})",
        "SELECT u, ts FROM e WHERE current_timestamp - ts < '1 h' AND current_timestamp > {{last_sync_time | timestamp}}",
        "SELECT u, ts FROM e WHERE 5 >= {{last_sync_time}}",
    ] {
        assert!(of(text).is_err(), "{text}: {:?}", of(text));
    }
}

#[test]
fn a_query_without_the_variable_has_no_such_column() {
    assert_eq!(of("SELECT u, ts FROM e"), Ok(Vec::new()));
    // Texts that look like what the variable becomes are no variable.
    let text = "SELECT u, ts, 1918273645 AS n FROM e WHERE ts >= {{last_sync_time}}";
    assert_eq!(of(text), Ok(vec!["ts".to_owned()]));
}
