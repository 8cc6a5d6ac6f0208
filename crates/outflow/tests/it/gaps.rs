//! Lost runs and backfills of the real binary: a destination gets what it lacks, once.

use std::fs;
use std::time::{Duration, Instant};

use outflow_testkit::crash::assert_can_trace;
use outflow_testkit::{Database, Judge, Postgres, Receiver, Reply, Report, seed, slice_or_whole};
use serde_json::Value;

use crate::serving::PATIENCE;
use crate::support::{Project, sync, yaml};

/// Events of people, one each, for `a` and `b`.
struct World {
    database: Database<'static>,
    a: Receiver,
    b: Receiver,
    project: Project,
    events: u64,
}

impl World {
    fn new(name: &str) -> Self {
        let (database, a, b) =
            (Postgres::shared().database(name), Receiver::start_blocking(), Receiver::start_blocking());
        database.sql("CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL)");
        let world = Self { database, a, b, project: Project::new(""), events: 0 };
        world.project.write("outflow.yaml", &world.yaml(&["a", "b"]));
        world
    }

    fn yaml(&self, to: &[&str]) -> String {
        let query = r#"SELECT id AS "userId", 'seen' AS event FROM events WHERE at >= {{last_sync_time | timestamp}}"#;
        // The lookback reads all of it again, so that every run has unchanged rows.
        let settings = format!("{}lookback: 1h\n", sync("track", query));
        let hook = |receiver: &Receiver| {
            format!(r#"type: webhook, url: "{}", concurrency: 2, max_calls: 7"#, receiver.url())
        };
        let (a, b) = (hook(&self.a), hook(&self.b));
        let all = [("a", a.as_str()), ("b", b.as_str())];
        let some: Vec<_> = all.into_iter().filter(|(name, _)| to.contains(name)).collect();
        yaml(&self.database, &some, &[("events", &settings)])
    }

    fn sends_to(&self, to: &[&str]) {
        self.project.write("outflow.yaml", &self.yaml(to));
    }

    fn add(&mut self, events: u64) {
        let (from, to) = (self.events + 1, self.events + events);
        self.database.sql(&format!(
            "INSERT INTO events SELECT i, clock_timestamp() FROM generate_series({from}, {to}) i"
        ));
        self.events = to;
    }

    /// Nothing is missing, and nothing has two ids.
    fn assert_whole(&self) {
        for (name, receiver) in [("a", &self.a), ("b", &self.b)] {
            let expected = (1..=self.events).map(|id| id.to_string());
            let verdict = Judge::expecting(expected).judge(&receiver.arrivals());
            assert!(verdict.missing.is_empty() && verdict.split.is_empty(), "{name}: {verdict:?}");
        }
    }

    /// Flips a bit in the middle of a run's first segment.
    fn damage(&self, run: u64) {
        let path = self.project.path().join(format!(".outflow/spool/{run}/calls-00000.seg"));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn under_serve_a_lost_run_that_is_not_the_newest_is_made_up_for() {
    let mut world = World::new("gaps_serve");
    world.b.always(Reply::status(401));
    let mut serving = world.project.serve();
    assert!(serving.is_up());
    let mut runs = Vec::new();
    for n in 1..=3 {
        world.add(50);
        runs.push(loop {
            match serving.trigger("events") {
                Some(run) => break run,
                // `b` is about to be degraded.
                None => serving.hear(Duration::from_millis(100)),
            }
        });
        world.a.wait_for_calls_blocking(50 * n, Duration::from_secs(60));
    }
    world.damage(runs[0]);
    world.b.always(Reply::ok());
    serving.signal("HUP");
    world.b.wait_for_calls_blocking(150, Duration::from_secs(60));
    assert_eq!(serving.drain("events").unwrap().1, "succeeded");
    // What fills a gap is not waited for by another run, nor is the end of the alert.
    let (none, begun) = (Value::Array(Vec::new()), Instant::now());
    while world.project.json(&["alerts"], 0)["alerts"] != none {
        assert!(begun.elapsed() < PATIENCE, "the alert ends");
        serving.hear(Duration::from_millis(100));
    }
    serving.stop();
    world.assert_whole();
    assert_eq!(world.project.json(&["alerts"], 0)["alerts"], none);
    let triggers: Vec<_> = world.project.runs().iter().map(|run| run["trigger"].clone()).collect();
    assert_eq!(triggers.iter().filter(|trigger| *trigger == "gap").count(), 1, "{triggers:?}");
}

#[test]
fn until_it_is_made_up_for_everything_says_what_is_missing() {
    let mut world = World::new("gaps_said");
    world.add(20);
    world.b.always(Reply::status(401));
    world.project.json(&["run"], 6);
    world.damage(1);
    world.b.always(Reply::ok());
    let lost = world.project.run(&["run"]);
    lost.assert_code(1);
    assert!(lost.stderr.contains("error[P004]"), "{lost:?}");
    let missing = world.project.json(&["status"], 0)["missing"].clone();
    assert_eq!((&missing[0]["destination"], &missing[0]["calls"]), (&"b".into(), &20.into()), "{missing}");
    let alert = world.project.json(&["alerts"], 0)["alerts"][0].clone();
    assert_eq!((&alert["alert"], &alert["subject"]), (&"run_lost".into(), &"events to b".into()));
    let verified = world.project.run(&["verify", "1"]);
    verified.assert_code(1);
    assert!(verified.stdout.contains("E020"), "{verified:?}");
    // A run with options reads something else, and says so.
    let other = world.project.json(&["run", "events", "--limit", "1", "--destination", "a", "--yes"], 1);
    assert_eq!(other["missing"][0]["run"], 1, "{other}");
    world.a.clear();
    let next = world.project.json(&["run"], 0);
    assert_eq!((&next["missing"], &next["rows"]["calls"]), (&Value::Null, &0.into()), "{next}");
    world.project.run(&["verify", "1"]).assert_code(0);
    assert_eq!(world.project.json(&["status"], 0)["missing"], Value::Null);
    assert!(world.a.calls().is_empty(), "what has arrived is not sent again");
    let verdict = Judge::expecting((1..=20).map(|id| id.to_string())).judge(&world.b.arrivals());
    verdict.assert_exactly_once();
}

#[test]
fn a_backfill_sends_what_is_missing_and_the_next_run_what_is_new() {
    let mut world = World::new("gaps_backfill");
    world.sends_to(&["a"]);
    world.add(200);
    world.project.json(&["run"], 0);
    world.sends_to(&["a", "b"]);
    for _ in 0..3 {
        world.add(100);
        world.project.json(&["run"], 0);
    }
    world.add(10);
    let filled = world.project.json(&["backfill", "b"], 0);
    assert_eq!(filled["rows"]["calls"], 200, "{filled}");
    assert_eq!(world.b.calls().len(), 500);
    world.project.json(&["run"], 0);
    assert_eq!(world.b.calls().len(), 510);
    let nothing = world.project.run(&["backfill", "b"]);
    nothing.assert_code(0);
    assert!(nothing.stderr.contains("has missed nothing"), "{nothing:?}");
    world.assert_whole();
}

#[test]
fn a_backfill_that_is_killed_at_any_write_sends_nothing_under_two_ids() {
    assert_can_trace();
    let mut world = World::new("gaps_killed");
    let mut kills = 0;
    let kinds = ["write,writev,pwrite64", "fsync,fdatasync", "rename,renameat,renameat2", "sendto,sendmsg"];
    let seed = seed();
    for (kind, calls) in kinds.into_iter().enumerate() {
        // Another first point each time, as not every one is taken.
        let first = 1 + (seed as usize + kind) % slice_or_whole(23, 1);
        for n in (first..).step_by(slice_or_whole(23, 1)) {
            world.sends_to(&["a"]);
            world.add(30);
            world.project.json(&["run"], 0);
            world.sends_to(&["a", "b"]);
            world.add(10);
            let exit = world.project.program(&["backfill", "b"]).killed_at(calls, n).run();
            kills += u64::from(exit.was_killed());
            // Either goes on with it.
            let again: &[&str] = if n % 2 == 0 { &["backfill", "b"] } else { &["run"] };
            world.project.run(again).assert_code(0);
            world.project.run(&["backfill", "b"]).assert_code(0);
            world.project.run(&["run"]).assert_code(0);
            if !exit.was_killed() {
                exit.assert_code(0);
                break;
            }
        }
        world.assert_whole();
    }
    world.project.assert_closed();
    assert!(kills > 0);
    Report::new(
        "gaps::a_backfill_that_is_killed_at_any_write_sends_nothing_under_two_ids",
        "kill -9 of `backfill` as a thread begins its n-th write, sync, rename or send",
        kills,
    )
    .with("rows missing", 0)
    .with("rows under two ids", 0)
    .print();
}

/// What runs left out is copied for the destination. The process that does so is killed, and half
/// of what it has left behind is lost then.
#[test]
fn a_copy_that_is_killed_at_any_write_or_lost_sends_nothing_under_two_ids() {
    assert_can_trace();
    let mut world = World::new("gaps_copied");
    let yaml = world.yaml(&["a", "b"]) + "limits: { backlog: 1KiB }\n";
    world.project.write("outflow.yaml", &yaml);
    let (mut kills, mut copied, mut lost) = (0, 0, 0);
    let kinds = ["write,writev,pwrite64", "fsync,fdatasync", "rename,renameat,renameat2", "sendto,sendmsg"];
    let seed = seed();
    for (kind, calls) in kinds.into_iter().enumerate() {
        let first = 1 + (seed as usize + kind) % slice_or_whole(23, 1);
        for n in (first..).step_by(slice_or_whole(23, 1)) {
            world.b.always(Reply::status(401));
            for _ in 0..2 {
                world.add(20);
                world.project.run(&["run"]);
            }
            let left_out = world.project.json(&["status"], 0)["left_out"].clone();
            assert_eq!(left_out[0]["destination"], "b", "{left_out}");
            world.b.always(Reply::ok());
            world.project.run(&["run"]);
            let exit = world.project.program(&["run"]).killed_at(calls, n).run();
            kills += u64::from(exit.was_killed());
            let runs = world.project.runs();
            let copy = runs.iter().find(|run| run["trigger"] == "gap" && run["state"] == "delivering");
            if let Some(copy) = copy {
                copied += 1;
                if copied % 2 == 1 {
                    let folder = world.project.path().join(format!(".outflow/spool/{}", copy["run"]));
                    fs::remove_dir_all(folder).unwrap();
                    lost += 1;
                }
            }
            // One of them may find that a run is lost.
            for _ in 0..4 {
                world.project.run(&["run"]);
            }
            assert_eq!(world.project.json(&["status"], 0)["left_out"], Value::Null, "{calls} {n}");
            if !exit.was_killed() {
                break;
            }
        }
        world.assert_whole();
    }
    assert!(kills > 0);
    Report::new(
        "gaps::a_copy_that_is_killed_at_any_write_or_lost_sends_nothing_under_two_ids",
        "kill -9 of `run` as it fills what runs left out, at the n-th write, sync, rename or send",
        kills,
    )
    .with("copies in progress then", copied)
    .with("of these lost", lost)
    .with("rows missing", 0)
    .with("rows under two ids", 0)
    .print();
}

/// People that a run left out for `b` were read from a table that has another name now.
#[test]
fn a_gap_whose_query_does_not_run_any_more_says_so_and_the_way_out_of_it() {
    let (database, a, b) =
        (Postgres::shared().database("gaps_edited"), Receiver::start_blocking(), Receiver::start_blocking());
    database.sql("CREATE TABLE users (id int PRIMARY KEY, at timestamptz NOT NULL)");
    let hook = |receiver: &Receiver| format!(r#"type: webhook, url: "{}""#, receiver.url());
    let (to_a, to_b) = (hook(&a), hook(&b));
    let project = Project::new("");
    let reads = |table: &str| {
        let query = format!(
            r#"SELECT id AS "userId", 'pro' AS plan FROM {table} WHERE at >= {{{{last_sync_time | timestamp}}}}"#
        );
        let syncs = [("users", &*sync("identify", &query))];
        let yaml = yaml(&database, &[("a", &to_a), ("b", &to_b)], &syncs);
        project.write("outflow.yaml", &(yaml + "limits: { backlog: 1KiB }\n"));
    };
    let add = |table: &str, from: u32| {
        let to = from + 19;
        database.sql(&format!(
            "INSERT INTO {table} SELECT i, clock_timestamp() FROM generate_series({from}, {to}) i"
        ));
    };
    reads("users");
    b.always(Reply::status(401));
    for from in [1, 21] {
        add("users", from);
        project.run(&["run"]);
    }
    database.sql("ALTER TABLE users RENAME TO people");
    reads("people");
    b.always(Reply::ok());
    project.run(&["run"]).assert_code(0);
    add("people", 41);
    let run = project.run(&["run"]);
    assert!(
        run.stderr.contains("warning[E123]") && run.stderr.contains("backfill b --sync users --since"),
        "{run:?}"
    );
    a.wait_for_calls_blocking(60, Duration::from_secs(30));
    let status = project.json(&["status"], 0);
    let left_out = &status["left_out"][0];
    assert_eq!(
        (&left_out["destination"], &left_out["reason"]["code"]),
        (&"b".into(), &"E123".into()),
        "{status}"
    );
    let alerts = project.json(&["alerts"], 0).to_string();
    assert!(alerts.contains("gap_query_failed"), "{alerts}");
    project.run(&["backfill", "b", "--sync", "users", "--since", "0"]).assert_code(0);
    let status = project.json(&["status"], 0);
    assert_eq!(status["left_out"], Value::Null, "{status}");
    let verdict = Judge::expecting((1..=60).map(|id| id.to_string())).judge(&b.arrivals());
    // States that are read again have new ids.
    assert!(verdict.missing.is_empty(), "{verdict:?}");
    project.assert_closed();
}
