//! Clusters that keep local time: what Q114 prescribes is what it then leaves alone.

use super::{Login, Warehouse, database};

#[test]
fn the_cure_of_q114_is_silent_and_local_time_is_found_through_with_queries() {
    let dev = database("zones");
    dev.sql("CREATE TABLE people (id int, updated_at timestamp, seen timestamptz); INSERT INTO people VALUES (1, now(), now())");
    dev.sql("ALTER DATABASE zones SET timezone TO 'America/New_York'");
    let plain = "SELECT id AS \"userId\", updated_at FROM people WHERE updated_at >= '{{last_sync_time | timestamp}}'";
    let utc = "CONVERT_TIMEZONE('America/New_York', 'UTC', updated_at)";
    let cured = format!(
        "SELECT id AS \"userId\", {utc} AS updated_at FROM people WHERE {utc} >= '{{{{last_sync_time | timestamp}}}}'"
    );
    let through = format!(
        "WITH q AS (SELECT id, {utc} AS at FROM people) SELECT id AS \"userId\", at FROM q WHERE at >= '{{{{last_sync_time | timestamp}}}}'"
    );
    let local = "WITH q AS (SELECT id, CONVERT_TIMEZONE('UTC', 'America/New_York', updated_at) AS local FROM people) SELECT id AS \"userId\", local FROM q";
    let syncs = [
        ("plain", "identify", plain),
        ("cured", "identify", &*cured),
        ("through", "identify", &*through),
        ("local", "identify", local),
    ];
    for (name, kind, query) in syncs {
        let warehouse = Warehouse::new(super::shared(), "zones", &Login::default(), &[(name, kind, query)]);
        let expected: &[&str] = match name {
            "plain" => &["Q114"],
            "local" => &["Q115"],
            _ => &[],
        };
        let validated = warehouse.program(&["validate", "--connect"]).run();
        validated.assert_code(0);
        let run = warehouse.program(&["run"]).run();
        run.assert_code(0);
        for code in ["Q114", "Q115"] {
            let is_expected = expected.contains(&code);
            assert_eq!(validated.stderr.contains(code), is_expected, "{name}: {validated:?}");
            if code == "Q114" {
                assert_eq!(run.stderr.contains(code), is_expected, "{name}: {run:?}");
            }
        }
    }
}
