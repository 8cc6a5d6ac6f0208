//! Incremental runs on a real PostgreSQL, whose transactions commit long after they stamped their
//! rows.
//!
//! An open transaction is a prepared one: it is as invisible as any, and needs no session that
//! holds it. Stamps are written as they are to be, so nothing here waits for time to pass.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use outflow_testkit::{Postgres, Receiver, Rng, seed};

use crate::support::{Project, pipelines, sync, yaml};

static SERVER: LazyLock<Postgres> =
    LazyLock::new(|| Postgres::options().with_setting("max_prepared_transactions", "20").start());

/// How often each event of each user was taken, by `user event n`.
fn taken(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut taken = BTreeMap::new();
    for call in receiver.calls() {
        let n = call["properties"]["n"].as_u64().unwrap_or_default();
        let (user, event) = (call["userId"].as_str().unwrap(), call["event"].as_str().unwrap());
        *taken.entry(format!("{user} {event} {n}")).or_default() += 1;
    }
    taken
}

/// Rounds of: someone writes and does not commit, someone writes and commits, who wrote in the
/// round before commits, a run.
fn rounds(name: &str, columns: &str, settings: &str, compare: &str, told_apart: bool) {
    let mut rng = Rng::new(seed());
    let database = SERVER.database(name);
    database.sql("CREATE TABLE events (id text, event text, n int, ts timestamptz)");
    let receiver = Receiver::start_blocking();
    let query = format!("SELECT {columns} FROM events WHERE ts {compare} {{{{last_sync_time | timestamp}}}}");
    let sync = format!("{}lookback: 2h\n{settings}", sync("track", &query));
    let project = Project::new(
        &yaml(&database, &[("journeys", &pipelines(&receiver))], &[("events", &sync)])
            .replace("${env:PG_PASSWORD}", "${file:./password}"),
    );
    project.write("password", SERVER.password());
    let mut written = BTreeMap::new();
    let mut write = |rng: &mut Rng, n: usize, minutes: u64| {
        let user = rng.below(2);
        let told = if told_apart { n } else { 0 };
        *written.entry(format!("u{user} Looked {told}")).or_default() += 1;
        format!(
            "INSERT INTO events VALUES ('u{user}', 'Looked', {n}, clock_timestamp() - interval '{minutes} minutes');"
        )
    };
    // Long before the first run, and never read again.
    let old: String = (0..4).map(|n| write(&mut rng, n, 600)).collect();
    database.sql(&old);
    let mut n = 4;
    let mut counted = [0; 2];
    for round in 0..6 {
        let late = [rng.below(110), rng.below(110)];
        let open: String = late
            .map(|minutes| {
                n += 1;
                write(&mut rng, n, minutes)
            })
            .concat();
        database.sql(&format!("BEGIN; {open} PREPARE TRANSACTION '{name}{round}'"));
        n += 1;
        let (now, minutes) = (n, rng.below(2));
        database.sql(&write(&mut rng, now, minutes));
        if round > 0 {
            database.sql(&format!("COMMIT PREPARED '{name}{}'", round - 1));
        }
        let run = project.json(&["run"], 0);
        counted[0] += run["rows"]["unchanged"].as_u64().unwrap();
        counted[1] += run["rows"]["calls"].as_u64().unwrap();
    }
    database.sql(&format!("COMMIT PREPARED '{name}5'"));
    project.json(&["run"], 0);
    assert_eq!(taken(&receiver), written, "each event as often as it was written");
    assert_eq!(project.json(&["run"], 0)["rows"]["calls"], 0);
    assert!(counted[0] > counted[1], "the lookback reads most rows several times: {counted:?}");
    project.assert_closed();
}

#[test]
fn events_that_commit_late_arrive_once_by_the_clock() {
    rounds("late_clock", "id AS \"userId\", event, n, ts AS \"timestamp\"", "", ">=", true);
}

#[test]
fn events_that_nothing_tells_apart_arrive_as_often_as_they_happened() {
    rounds("late_alike", "id AS \"userId\", event", "", ">", false);
}

#[test]
fn events_that_commit_late_arrive_once_by_a_cursor() {
    rounds("late_cursor", "id AS \"userId\", event, n, ts", "cursor: ts\n", ">=", true);
}
