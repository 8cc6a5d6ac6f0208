//! `replay`, `backfill` and `purge` on the real binary: a receiver that refuses a call, is fixed,
//! and gets it exactly once more; alone and under `serve`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use outflow_testkit::crash::Running;
use outflow_testkit::{Judge, Postgres, Receiver, Reply};
use serde_json::{Value, json};

use crate::support::{Project, pipelines, sync, yaml};

const LONG: Duration = Duration::from_secs(60);

/// An event sync of the table `events` (`id`, `at`) to one receiver, or to two.
fn events(
    name: &str,
    receivers: &[(&str, &Receiver)],
    kind: &str,
) -> (outflow_testkit::Database<'static>, Project) {
    let database = Postgres::shared().database(name);
    database.sql("CREATE TABLE events (id text, plan text); INSERT INTO events SELECT i, 'free' FROM generate_series(1, 20) i");
    let project = project(&database, receivers, kind);
    (database, project)
}

fn project(database: &outflow_testkit::Database<'_>, receivers: &[(&str, &Receiver)], kind: &str) -> Project {
    Project::new(&project_yaml(database, receivers, kind))
}

fn project_yaml(
    database: &outflow_testkit::Database<'_>,
    receivers: &[(&str, &Receiver)],
    kind: &str,
) -> String {
    let query =
        r#"SELECT id AS "userId", 'Seen' AS event, plan FROM events ORDER BY id::int -- {{last_sync_time}}"#;
    let query = if kind == "identify" { query.replace("'Seen' AS event, ", "") } else { query.to_owned() };
    let settings: Vec<(&str, String)> = receivers.iter().map(|(name, r)| (*name, pipelines(r))).collect();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, text)| (*name, text.as_str())).collect();
    yaml(database, &settings, &[("events", &format!("{}schedule: manual\n", sync(kind, &query)))])
}

/// Makes the receiver refuse the calls of these users until it is fixed.
fn refusing(receiver: &Receiver, users: &'static [&'static str]) -> Arc<AtomicBool> {
    let mended = Arc::new(AtomicBool::new(false));
    let flag = mended.clone();
    receiver.refuse_batches_with(400, move |call| {
        !flag.load(Ordering::SeqCst) && users.contains(&call["userId"].as_str().unwrap())
    });
    mended
}

/// The message ids under which calls of this user were taken.
fn taken(receiver: &Receiver, user: &str) -> Vec<String> {
    let arrivals = receiver.arrivals();
    let theirs = arrivals.iter().filter(|a| a.taken && a.call["userId"] == user);
    theirs.map(|a| a.call["messageId"].as_str().unwrap().to_owned()).collect()
}

fn ids_of_letters(project: &Project, run: &str) -> Vec<Value> {
    let letters = project.json(&["dead-letters", run], 0);
    letters["entries"].as_array().unwrap().clone()
}

#[test]
fn a_refused_event_is_sent_exactly_once_more_with_the_same_id_when_the_receiver_is_mended() {
    let receiver = Receiver::start_blocking();
    let mended = refusing(&receiver, &["7"]);
    let (_database, project) = events("replay_events", &[("journeys", &receiver)], "track");
    project.json(&["run"], 4);
    let document = project.json(&["dead-letters", "1"], 0);
    assert_eq!(
        (&document["causes"][0]["dead_letters"], &document["causes"][0]["code"]),
        (&json!(1), &json!("D003"))
    );
    let id = document["entries"][0]["message_id"].as_str().unwrap().to_owned();
    assert!(taken(&receiver, "7").is_empty());
    assert!(project.run(&["dead-letters", "1"]).stdout.contains("outflow replay 1"));

    // Not fixed yet: it is refused again, and its own dead letter can be replayed.
    let second = project.json(&["replay", "1"], 4);
    assert_eq!(
        (&second["run"], &second["replays"], &second["rows"]["calls"]),
        (&json!(2), &json!(1), &json!(1))
    );
    mended.store(true, Ordering::SeqCst);
    let third = project.json(&["replay", "2", "--code", "d003"], 0);
    assert_eq!((&third["replays"], &third["destinations"]["journeys"]["delivered"]), (&json!(2), &json!(1)));
    assert_eq!(taken(&receiver, "7"), [id], "once, under the id that it had");
    assert_eq!(ids_of_letters(&project, "1")[0]["replayed_by"], 2);

    let nothing = project.run(&["replay", "2", "--output", "json"]);
    nothing.assert_code(0);
    assert!(nothing.stderr.contains("--force"), "{nothing:?}");
    let runs = project.runs();
    assert_eq!(
        (&runs[2]["replayed_by"], &runs[1]["replayed_by"], &runs[0]["trigger"]),
        (&json!([2]), &json!([3]), &json!("replay"))
    );
    Judge::expecting((1..=20).map(|i| i.to_string())).judge(&receiver.arrivals()).assert_exactly_once();
    project.assert_closed();
}

#[test]
fn a_refused_person_is_read_again_and_as_sent_wants_force() {
    let receiver = Receiver::start_blocking();
    let mended = refusing(&receiver, &["7", "8"]);
    let (database, project) = events("replay_people", &[("journeys", &receiver)], "identify");
    project.json(&["run"], 4);
    mended.store(true, Ordering::SeqCst);
    database.sql("UPDATE events SET plan = 'pro' WHERE id = '7'; DELETE FROM events WHERE id = '8'");
    let refused = project.run(&["replay", "events", "--as-sent"]);
    refused.assert_code(2);
    assert!(refused.stderr.contains("error[C012]") && refused.stderr.contains("--force"), "{refused:?}");
    let exit = project.run(&["replay", "events", "--output", "json"]);
    exit.assert_code(0);
    assert!(exit.stderr.contains("not in the query's result any more and were not sent: 8"), "{exit:?}");
    let last = receiver.calls().pop().unwrap();
    assert_eq!((&last["userId"], &last["traits"]["plan"]), (&json!("7"), &json!("pro")));
    let (letters, ids) = (ids_of_letters(&project, "1"), taken(&receiver, "7"));
    assert!(ids.len() == 1 && letters.iter().all(|l| l["message_id"] != ids[0].as_str()));
    assert_eq!((&letters[0]["replayed_by"], &letters[1]["replayed_by"]), (&json!(2), &Value::Null));
    for wrong in [
        &["replay", "1", "--destination", "nobody"][..],
        &["replay", "9"],
        &["backfill", "nobody"],
        &["replay", "1", "--code", "X9"],
    ] {
        project.run(wrong).assert_code(2);
    }
    project.assert_closed();
}

#[test]
fn a_new_destination_gets_a_past_run_and_catches_up() {
    let (first, late) = (Receiver::start_blocking(), Receiver::start_blocking());
    let (database, project) = events("replay_late", &[("journeys", &first)], "track");
    project.json(&["run"], 0);
    project
        .write("outflow.yaml", &project_yaml(&database, &[("journeys", &first), ("late", &late)], "track"));
    let all = project.json(&["replay", "1", "--destination", "late", "--all"], 0);
    assert_eq!(all["destinations"]["late"]["delivered"], 20);
    assert_eq!(taken(&late, "7"), taken(&first, "7"));
    project.run(&["replay", "1", "--destination", "late", "--all"]).assert_code(2);
    let caught_up = project.json(&["backfill", "late"], 0);
    assert_eq!(caught_up["last_sync_time"], json!(0));
    let rows = &caught_up["rows"];
    assert_eq!((&rows["calls"], &rows["unchanged"]), (&json!(0), &json!(20)), "the replay has sent them");
    let again = project.run(&["backfill", "late"]);
    again.assert_code(0);
    assert!(again.stderr.contains("late has missed nothing"), "{again:?}");
    assert_eq!(project.json(&["backfill", "late", "--since", "2026-01-01", "--yes"], 0)["rows"]["calls"], 20);
    assert_eq!(first.calls().len(), 20);
    project.assert_closed();
}

#[test]
fn a_purged_person_is_in_no_file_and_no_longer_sent() {
    let receiver = Receiver::start_blocking();
    let (database, project) = events("purge", &[("journeys", &receiver)], "identify");
    database.sql("INSERT INTO events VALUES ('41424344', 'purple')");
    receiver.always(Reply::status(401));
    project.json(&["run"], 6);
    let would = project.json(&["purge", "--key", "41424344", "--dry-run"], 0);
    assert_eq!((&would["dry_run"], &would["runs"][0]["calls"]), (&json!(true), &json!(1)));
    let did = project.json(&["purge", "--key", "41424344"], 0);
    assert_eq!((&did["runs"], &did["dry_run"]), (&would["runs"], &json!(false)));
    assert!(project.run(&["purge", "--key", "41424344"]).stdout.contains("nothing is kept"));
    project.run(&["purge", "--key", ""]).assert_code(2);
    project.assert_closed();
    receiver.always(Reply::ok());
    let run = project.json(&["run"], 0);
    assert_eq!(run["destinations"]["journeys"]["cancelled"], 1);
    Judge::expecting((1..=20).map(|i| i.to_string())).judge(&receiver.arrivals()).assert_exactly_once();
    project.assert_closed();
}

/// A `serve` that answers.
fn serve(project: &Project) -> Running {
    let serving = project.program(&["serve"]).spawn();
    let (socket, start) = (project.path().join(".outflow/control.sock"), Instant::now());
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        assert!(start.elapsed() < LONG, "waited in vain for the socket");
    }
    serving
}

#[test]
fn under_serve_the_holder_replays_and_purges() {
    let receiver = Receiver::start_blocking();
    let mended = refusing(&receiver, &["7"]);
    let (_database, project) = events("replay_serve", &[("journeys", &receiver)], "track");
    let serving = serve(&project);
    project.json(&["run"], 4);
    let id = ids_of_letters(&project, "1")[0]["message_id"].as_str().unwrap().to_owned();
    mended.store(true, Ordering::SeqCst);
    let exit = project.run(&["replay", "1", "--output", "json"]);
    exit.assert_code(0);
    assert!(exit.stderr.contains("begins in the running Outflow"), "{exit:?}");
    assert_eq!(taken(&receiver, "7"), [id]);
    let purged = project.json(&["purge", "--key", "7"], 0);
    assert_eq!(purged["runs"].as_array().unwrap().len(), 2, "{purged}");
    project.assert_closed();
    serving.signal("TERM");
    let end = serving.wait();
    end.assert_code(0);
    assert!(end.stdout.contains("purged") || end.stderr.contains("purged"), "{end:?}");
    project.assert_closed();
}
