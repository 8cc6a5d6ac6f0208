//! The end of `outflow serve`: how long a graceful stop takes when nothing answers, and that no
//! receiver that hangs delays a sync.

use std::time::{Duration, Instant};

use outflow_testkit::{Postgres, Receiver, Reply};
use serde_json::Value;

use crate::support::{Project, pipelines, sync, yaml};

const PATIENCE: Duration = Duration::from_secs(60);
const KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Alerts after one failed run, to a webhook.
fn alerts(alarm: &Receiver) -> String {
    format!(
        "alerts: {{ failed_runs: 1, to: [ {{ webhook: {{ url: \"{}\", secret: \"${{env:KEY}}\" }} }} ] }}\n",
        alarm.url()
    )
}

#[test]
fn a_stop_is_over_in_time_while_a_destination_a_query_and_a_webhook_hang() {
    let database = Postgres::shared().database("stop_hanging");
    let (calls, alarm) = (Receiver::start_blocking(), Receiver::start_blocking());
    calls.always(Reply::silence());
    alarm.always(Reply::silence());
    let slow = "SELECT 1 AS \"userId\" FROM pg_sleep(3600)";
    let syncs = [
        ("users", sync("identify", "SELECT 1 AS \"userId\"") + "schedule: { every: 1d }\n"),
        ("broken", sync("identify", "SELECT 1 AS \"userId\" FROM nowhere") + "schedule: { every: 1d }\n"),
        ("slow", sync("identify", slow) + "schedule: { every: 1d }\n"),
    ];
    let syncs = syncs.each_ref().map(|(name, settings)| (*name, settings.as_str()));
    let text = yaml(&database, &[("journeys", &pipelines(&calls))], &syncs) + &alerts(&alarm);
    let project = Project::new(&text);
    let running = project.program(&["serve"]).env("KEY", KEY).spawn();
    calls.wait_for_requests_blocking(1, PATIENCE);
    alarm.wait_for_requests_blocking(1, PATIENCE);
    let asleep = || {
        let found = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND state = 'active' AND query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()";
        database.sql(found).trim().to_owned()
    };
    let deadline = Instant::now() + PATIENCE;
    while asleep() == "0" {
        assert!(Instant::now() < deadline, "the query has begun");
    }
    let asked = Instant::now();
    running.signal("TERM");
    let exit = running.wait();
    exit.assert_code(0);
    let took = asked.elapsed();
    // Requests in flight get ten seconds; sixty seconds are documented for all of it.
    assert!(took < Duration::from_secs(30), "{took:?}: {exit:?}");
    assert_eq!(asleep(), "0", "the query was cancelled in the database");
    let states: Vec<Value> = project.runs().into_iter().map(|run| run["state"].clone()).collect();
    assert!(states.contains(&"delivering".into()), "{states:?}");
    project.assert_closed();
}

#[test]
fn a_webhook_that_hangs_delays_no_sync_and_no_other_receiver() {
    let database = Postgres::shared().database("stop_webhook");
    let (calls, hangs, well) =
        (Receiver::start_blocking(), Receiver::start_blocking(), Receiver::start_blocking());
    hangs.always(Reply::silence());
    let manual = |query: &str| sync("identify", query) + "schedule: manual\n";
    let syncs = [
        ("broken", sync("identify", "SELECT 1 AS \"userId\" FROM nowhere") + "schedule: { every: 1d }\n"),
        ("users", manual("SELECT n AS \"userId\" FROM generate_series(1, 5) n")),
    ];
    let syncs = syncs.each_ref().map(|(name, settings)| (*name, settings.as_str()));
    let hook = |r: &Receiver| format!("{{ webhook: {{ url: \"{}\", secret: \"${{env:KEY}}\" }} }}", r.url());
    let text = yaml(&database, &[("journeys", &pipelines(&calls))], &syncs)
        + &format!("alerts: {{ failed_runs: 1, to: [ {}, {} ] }}\n", hook(&hangs), hook(&well));
    let project = Project::new(&text);
    let running = project.program(&["serve"]).env("KEY", KEY).spawn();
    hangs.wait_for_requests_blocking(1, PATIENCE);
    well.wait_for_calls_blocking(1, PATIENCE);
    for n in 1..=3 {
        let exit = project.program(&["run", "users", "--full"]).env("KEY", KEY).run();
        exit.assert_code(0);
        assert!(exit.ran < Duration::from_secs(10), "{exit:?}");
        assert_eq!(calls.calls().len(), n * 5);
    }
    assert_eq!(hangs.requests().len(), 1, "it hangs still");
    running.signal("TERM");
    running.wait().assert_code(0);
}
