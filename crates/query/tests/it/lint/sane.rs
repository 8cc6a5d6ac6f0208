//! Queries as people write them, about which there is nothing to say.

use outflow_core::Dialect::{Postgres, Redshift, Sqlite};
use outflow_core::{Code, Dialect};

use super::lint;

#[track_caller]
fn assert_silent(dialect: Dialect, queries: &[&str]) {
    for text in queries {
        let found: Vec<Code> =
            lint(text, dialect).iter().map(|f| f.code).filter(|c| *c != Code::CaseFolded).collect();
        assert!(found.is_empty(), "{dialect:?}: {text}: {found:?}");
    }
}

#[test]
fn on_redshift() {
    assert_silent(
        Redshift,
        &[
            "WITH ranked AS (
               SELECT o.*, ROW_NUMBER() OVER (PARTITION BY o.user_id ORDER BY o.created_at DESC) AS n
               FROM sales.orders AS o
               WHERE o.created_at >= {{last_sync_time | timestamp}} AND o.state NOT IN ('new', 'open')
             ), final AS (
               SELECT user_id AS userId, total AS value, DATE_TRUNC('day', created_at) AS day, products[0].sku AS sku
               FROM ranked WHERE n = 1
             )
             SELECT * FROM final",
            "SELECT u.id AS userId, LISTAGG(DISTINCT t.name, ',') WITHIN GROUP (ORDER BY t.name) AS tags, COUNT(*) AS orders
             FROM users u LEFT JOIN tags t ON t.user_id = u.id AND t.since > {{last_sync_time | date}}
             WHERE u.updated_at >= DATEADD(second, {{last_sync_time}}, '1970-01-01')
             GROUP BY 1 HAVING COUNT(*) > 1",
            "SELECT id AS userId, NVL(a, b) AS a, created::date AS signed_up, 'x' || name AS name, CAST(n AS decimal(18, 2)) AS n
             FROM users
             WHERE updated_at > TIMESTAMP 'epoch' + {{last_sync_time}} * INTERVAL '1 second' AND ends_at > GETDATE()
             QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY updated_at DESC) = 1",
            "SELECT id AS userId, a.b.c AS c, CASE WHEN x IS NULL THEN 'none' ELSE x END AS x, CONVERT_TIMEZONE('UTC', at) AS at
             FROM s.t AS a -- timestamp > {{last_sync_time}} ; LIMIT 5
             WHERE GREATEST(a.updated_at, a.loaded_at) >= {{last_sync_time | timestamp}}
             UNION ALL
             SELECT id, c, x, at FROM old_users WHERE loaded_at BETWEEN {{last_sync_time | timestamp}} AND GETDATE()",
            "SELECT id AS userId, EXTRACT(year FROM born) AS birth_year, DATEDIFF(day, signed_up, cancelled) AS days
             FROM users WHERE id IN (SELECT user_id FROM changes WHERE at >= {{last_sync_time | timestamp}} ORDER BY at LIMIT 1000)",
            "SELECT DISTINCT email AS \"email\", (SELECT MAX(total) FROM orders o WHERE o.user_id = u.id) AS best
             FROM users u WHERE EXISTS (SELECT * FROM logins l WHERE l.user_id = u.id AND l.at > {{last_sync_time | timestamp}})",
        ],
    );
}

#[test]
fn on_postgresql_and_sqlite() {
    assert_silent(
        Postgres,
        &[
            "SELECT DISTINCT ON (user_id) user_id AS \"userId\", plan, timestamp, open, payload->>'a' AS a, string_agg(x, ',') AS xs
             FROM events WHERE timestamp >= {{last_sync_time | timestamp}} AND updated < now() GROUP BY 1, 2, 3, 4, 5",
            "SELECT id AS \"userId\", limits.\"limit\", t.offset, array[1, 2] AS pair
             FROM t, LATERAL (SELECT * FROM plans LIMIT 1) limits WHERE t.at > to_timestamp({{last_sync_time}})",
        ],
    );
    assert_silent(
        Sqlite,
        &[
            "SELECT id AS userId, [order], `group` FROM t WHERE at > '{{last_sync_time | timestamp}}'",
            "SELECT id AS userId, datetime(at, 'unixepoch') AS at FROM t WHERE at >= {{last_sync_time | millis}}",
        ],
    );
}
