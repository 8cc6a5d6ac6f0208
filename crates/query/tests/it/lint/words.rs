//! Q106, Q107, Q108.

use outflow_core::Code;
use outflow_core::Dialect::{Postgres, Redshift, Sqlite};

use super::{assert_places, fix_all, lint, places};
use crate::EXAMPLES;

#[test]
fn values_that_change_in_every_run_are_found_in_the_select_list() {
    assert_places(
        Redshift,
        Code::VolatileFunction,
        &[
            ("SELECT id, GETDATE() AS synced FROM t", &["GETDATE"]),
            (
                "SELECT id, sysdate AS synced, DATEDIFF(day, born, current_date) AS age FROM t",
                &["sysdate", "current_date"],
            ),
            ("SELECT id, random() FROM t", &["random"]),
            ("SELECT * FROM (SELECT id, GETDATE() AS at FROM t) x", &["GETDATE"]),
            // Only what they decide changes, and that seldom.
            (
                "SELECT id, CASE WHEN ends < GETDATE() THEN 'over' END AS state, ends > GETDATE() AS open FROM t",
                &[],
            ),
            ("SELECT id FROM t WHERE at < GETDATE()", &[]),
            ("SELECT (SELECT max(a) FROM u WHERE a < GETDATE()) AS a FROM t", &[]),
            ("SELECT t.random, x AS now, \"getdate\" FROM t", &[]),
        ],
    );
    assert_places(
        Postgres,
        Code::VolatileFunction,
        &[("SELECT sysdate, gen_random_uuid() AS g FROM t", &["gen_random_uuid"])],
    );
    assert_places(
        Sqlite,
        Code::VolatileFunction,
        &[("SELECT datetime('now') AS at, 'now' FROM t", &["'now'", "'now'"])],
    );
}

#[test]
fn functions_of_the_leader_node_are_found_in_queries_of_tables() {
    assert_places(
        Redshift,
        Code::LeaderNodeFunction,
        &[
            ("SELECT id FROM t WHERE at < now()", &["now"]),
            ("SELECT id, STRING_AGG(a, ',') AS l FROM t GROUP BY id", &["STRING_AGG"]),
            ("SELECT id FROM t WHERE at < CURRENT_TIMESTAMP", &["CURRENT_TIMESTAMP"]),
            ("WITH n AS (SELECT generate_series(1, 3) AS i) SELECT id FROM t, n", &["generate_series"]),
            ("SELECT now() AS at", &[]),
            ("SELECT relname, now() AS at FROM pg_class", &[]),
            ("SELECT id, t.now, age, x AS current_time FROM t WHERE at < GETDATE()", &[]),
        ],
    );
    assert!(places("SELECT id FROM t WHERE at < now()", Postgres, Code::LeaderNodeFunction).is_empty());
    let text = "SELECT id FROM t WHERE at < NOW() AND b < CURRENT_TIMESTAMP";
    let fixed = fix_all(text, &lint(text, Redshift));
    assert_eq!(fixed, "SELECT id FROM t WHERE at < GETDATE() AND b < GETDATE()");
}

#[test]
fn reserved_words_are_found_where_they_are_names() {
    assert_places(
        Redshift,
        Code::ReservedWordAsName,
        &[
            ("SELECT id FROM t WHERE timestamp > {{last_sync_time}}", &["timestamp"]),
            (
                "SELECT timestamp, tag, open FROM t ORDER BY timestamp DESC",
                &["timestamp", "tag", "open", "timestamp"],
            ),
            ("SELECT a AS timestamp, b AS user, c AS order FROM t", &["timestamp", "user", "order"]),
            ("SELECT EXTRACT(epoch FROM timestamp) AS d FROM tag", &["timestamp", "tag"]),
            ("SELECT DATE_TRUNC('day', timestamp) AS d FROM t", &["timestamp"]),
            ("SELECT id FROM t WHERE a BETWEEN timestamp AND b", &["timestamp"]),
            // Types, literals, and words that the grammar has a use for.
            ("SELECT a::timestamp AS x, CAST(a AS timestamp) AS y, TIMESTAMP '2026-01-01' AS z FROM t", &[]),
            ("SELECT CAST(a AS timestamp with time zone) AS y, CONVERT(timestamp, a) AS z FROM t", &[]),
            ("SELECT TIMESTAMP 'epoch' + a * INTERVAL '1 second' AS x FROM t", &[]),
            ("SELECT t.timestamp, \"timestamp\", x AS \"user\" FROM t", &[]),
            ("SELECT user, current_date, NULL, oid FROM t", &[]),
            (
                "SELECT LAG(a) IGNORE NULLS OVER (PARTITION BY b ORDER BY c) AS l FROM t LEFT JOIN u USING (id)",
                &[],
            ),
            ("SELECT CASE WHEN a THEN b ELSE NULL END AS c FROM t", &[]),
        ],
    );
    assert!(places("SELECT id FROM t WHERE timestamp > 5", Postgres, Code::ReservedWordAsName).is_empty());
    let text = EXAMPLES[1];
    let fixed = fix_all(text, &lint(text, Redshift));
    assert_eq!(fixed, text.replace("WHERE timestamp", "WHERE \"timestamp\""));
}
