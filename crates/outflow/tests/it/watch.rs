//! What `serve` tells of itself: alerts by webhook and e-mail, metrics, the log, verified runs. The
//! real binary, a real receiver, a mail server.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use outflow_core::ports::state::{NewRun, StateStore as _};
use outflow_core::run::{RunOptions, RunSpec, RunTrigger};
use outflow_core::{CallType, Clock as _, Code, Guards, Secret, SystemClock};
use outflow_egress::SigningKey;
use outflow_testkit::mail::Manners;
use outflow_testkit::{MailServer, Receiver, Reply, free_port};
use serde_json::Value;

use crate::support::Project;

const KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const PATIENCE: Duration = Duration::from_secs(60);

/// One sync `users` on a SQLite file that is not there yet, alerts to `alarm` and the mail server,
/// metrics on `port`.
fn project(calls: &Receiver, alarm: &Receiver, mail: &MailServer, port: u16) -> Project {
    let (calls, alarm, mail) = (calls.url(), alarm.url(), mail.port());
    Project::new(&format!(
        r#"version: 1
limits: {{ audit_after: 0s }}
alerts:
  failed_runs: 1
  disk_above_reserve: 0
  to:
    - webhook: {{ url: "{alarm}/alarm", secret: "${{env:KEY}}" }}
    - email: {{ server: 127.0.0.1, port: {mail}, tls: none, from: outflow@example.com, to: [ops@example.com] }}
metrics: {{ listen: "127.0.0.1:{port}" }}
sources:
  shop:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [journeys]
destinations:
  journeys: {{ type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{calls}" }}
syncs:
  users:
    source: shop.main
    type: identify
    query: SELECT id AS userId FROM users
    schedule: {{ every: 1h }}
"#
    ))
}

fn make_database(project: &Project, ids: &str) {
    let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    database.execute_batch(&format!("CREATE TABLE users (id); INSERT INTO users VALUES {ids}")).unwrap();
}

/// The body of an answer to GET, after its status was found to be this.
pub fn get(port: u16, path: &str, status: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// A strict reader of the text format: each family has HELP and TYPE once and before its samples,
/// stands in one piece, and no sample comes twice.
fn parse(page: &str) -> HashMap<String, f64> {
    let (mut samples, mut families, mut current) = (HashMap::new(), Vec::new(), String::new());
    let mut lines = page.lines();
    assert!(page.ends_with('\n'));
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(!text.is_empty() && !families.contains(&name.to_owned()), "{line}");
            let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
            assert!(["gauge", "counter"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            families.push(name.to_owned());
            current = name.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) =
            series.split_once('{').map_or((series, ""), |(n, l)| (n, l.strip_suffix('}').unwrap()));
        assert_eq!(name, current, "{line}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
        for label in labels.split(',').filter(|l| !l.is_empty()) {
            let (key, value) = label.split_once('=').unwrap();
            assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{line}");
            let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap();
            assert!(!value.contains(['"', '\\']), "{line}");
        }
        assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    samples
}

#[test]
fn an_alert_is_told_signed_once_over_a_kill_and_again_when_it_recovers() {
    let (calls, alarm) = (Receiver::start_blocking(), Receiver::start_blocking());
    let (mail, port) = (MailServer::start(Manners::default()), free_port());
    let project = project(&calls, &alarm, &mail, port);
    let serve = || project.program(&["serve", "--log-format", "json"]).env("KEY", KEY).spawn();
    let running = serve();
    // The file of the database is missing.
    alarm.wait_for_calls_blocking(1, PATIENCE);
    mail.wait_for(1, PATIENCE);
    let listed = project.program(&["alerts", "--output", "json"]).env("KEY", KEY).run();
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["alerts"][0]["alert"], "sync_failing", "{listed}");
    let samples = parse(&get(port, "/metrics", "200"));
    assert_eq!(samples["outflow_alerts_firing{alert=\"sync_failing\"}"], 1.0);
    assert_eq!(samples["outflow_runs_total{sync=\"users\",state=\"failed\"}"], 1.0);
    running.kill();

    make_database(&project, "(1), (2)");
    let running = serve();
    // Whichever of the two has the state: the run takes place.
    calls_of_a_run(&project, &calls, 0);
    alarm.wait_for_calls_blocking(2, PATIENCE);
    let mails = mail.wait_for(2, PATIENCE);
    running.signal("TERM");
    let exit = running.wait();
    exit.assert_code(0);

    let requests = alarm.requests();
    assert_eq!(requests.len(), 2, "{requests:?}");
    let kinds: Vec<Value> = alarm.calls().iter().map(|c| c["type"].clone()).collect();
    assert_eq!(kinds, ["alert.fired", "alert.recovered"]);
    for request in &requests {
        let header = |name: &str| request.header(name).unwrap().to_owned();
        let key = SigningKey::new(&Secret::new(KEY)).unwrap();
        let time = header("webhook-timestamp").parse().unwrap();
        assert_eq!(header("webhook-signature"), key.sign(&header("webhook-id"), time, &request.body));
    }
    assert_eq!(mails.len(), 2);
    assert!(mails[0].headers.contains("Subject: [outflow] sync failing: users"), "{mails:?}");
    assert!(mails[1].headers.contains("Subject: [outflow] recovered: sync failing: users"), "{mails:?}");
    // Every line of the log is an object with a time, a level and an event.
    for line in exit.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(line["time"].is_string() && line["event"].is_string(), "{line}");
        assert!(["info", "warn", "error"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
}

/// Has the running process run the sync, and waits for its calls.
fn calls_of_a_run(project: &Project, calls: &Receiver, code: i32) {
    project.program(&["run", "users"]).env("KEY", KEY).run().assert_code(code);
    calls.wait_for_calls_blocking(2, PATIENCE);
}

#[test]
fn metrics_count_what_happened_and_runs_say_that_they_were_verified() {
    let (calls, alarm) = (Receiver::start_blocking(), Receiver::start_blocking());
    let (mail, port) = (MailServer::start(Manners::default()), free_port());
    let project = project(&calls, &alarm, &mail, port);
    make_database(&project, "(1), (2), (NULL)");
    let running = project.program(&["serve"]).env("KEY", KEY).spawn();
    // More than five in a hundred rows are rejected: when that is reported, the run was delivered.
    alarm.wait_for_calls_blocking(1, PATIENCE);
    // The row was rejected before.
    calls_of_a_run(&project, &calls, 0);
    let samples = parse(&get(port, "/metrics", "200"));
    let labels = "sync=\"users\",destination=\"journeys\"";
    for (series, at_least) in [
        ("outflow_rows_total{sync=\"users\",outcome=\"rejected\"}".to_owned(), 1.0),
        (format!("outflow_calls_total{{{labels},outcome=\"delivered\"}}"), 2.0),
        (format!("outflow_requests_total{{{labels}}}"), 1.0),
        ("outflow_destination_up{destination=\"journeys\"}".to_owned(), 1.0),
        ("outflow_last_success_timestamp_seconds{sync=\"users\"}".to_owned(), 1.7e9),
        ("outflow_disk_free_bytes".to_owned(), 1.0),
        ("process_resident_memory_bytes".to_owned(), 1e6),
        ("process_start_time_seconds".to_owned(), 1.7e9),
        ("process_open_fds".to_owned(), 5.0),
        ("process_threads".to_owned(), 2.0),
        ("outflow_async_tasks".to_owned(), 3.0),
    ] {
        assert!(samples.get(&series).is_some_and(|n| *n >= at_least), "{series}: {samples:?}");
    }
    // Where nothing waits, these metrics are absent; everything else in the documents is there.
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATING.md")).unwrap();
    let documented = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let has = |name: &&str| samples.keys().any(|series| series.split('{').next() == Some(*name));
    let missing: Vec<_> =
        documented.filter(|n| (n.starts_with("outflow_") || n.starts_with("process_")) && !has(n)).collect();
    let waits = [
        "outflow_calls_pending",
        "outflow_backlog_runs",
        "outflow_backlog_bytes",
        "outflow_destination_degraded",
    ];
    assert_eq!(missing, waits);
    assert_eq!(get(port, "/healthz", "200"), "ok\n");
    get(port, "/", "404");
    running.signal("TERM");
    let exit = running.wait();
    exit.assert_code(0);
    assert!(exit.stderr.contains("run verified sync=users run=1"), "{exit:?}");
    let runs: Value = serde_json::from_str(&project.run(&["runs", "--output", "json"]).stdout).unwrap();
    let first = runs.as_array().unwrap().last().unwrap();
    assert_eq!(first["verified"]["differences"], serde_json::json!([]), "{runs}");
}

#[test]
fn a_test_alert_says_whom_it_reached() {
    let (calls, alarm) = (Receiver::start_blocking(), Receiver::start_blocking());
    let mail =
        MailServer::start(Manners { answers: vec![("RCPT", "550 nobody here")], ..Manners::default() });
    let project = project(&calls, &alarm, &mail, free_port());
    let exit = project.program(&["alerts", "test", "--output", "json"]).env("KEY", KEY).run();
    exit.assert_code(6);
    let document: Value = serde_json::from_str(&exit.stdout).unwrap();
    let told: Vec<&Value> =
        document["receivers"].as_array().unwrap().iter().map(|r| &r["reported"]).collect();
    assert_eq!(told, [true, false], "{document}");
    assert_eq!(document["receivers"][1]["error"]["code"], "D003");
    assert_eq!(alarm.calls()[0]["type"], "alert.test");
    alarm.always(Reply::status(500));
    project.program(&["alerts", "test"]).env("KEY", KEY).run().assert_code(6);
}

#[test]
fn a_sync_that_skips_its_slots_is_told_which_frequency_would_fit() {
    let (calls, alarm) = (Receiver::start_blocking(), Receiver::start_blocking());
    let project = project(&calls, &alarm, &MailServer::start(Manners::default()), free_port());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = outflow_state::SqliteStore::new(project.path().join(".outflow"));
    let state = runtime.block_on(store.claim(None)).unwrap();
    let now = SystemClock.now();
    let new = NewRun {
        sync: "users".into(),
        call_type: CallType::Identify,
        trigger: RunTrigger::Schedule,
        spec: RunSpec {
            source: "shop.main".into(),
            query: "SELECT 1".into(),
            connections: Vec::new(),
            options: RunOptions::default(),
            guards: Guards::default(),
            ids: Default::default(),
            skipped: Vec::new(),
        },
        due_at: now,
        started_at: now,
    };
    for _ in 0..5 {
        let busy = (Code::RunInProgress, "run 1 is extracting".into());
        runtime.block_on(state.skip_run(&new, None, &busy)).unwrap();
    }
    drop(state);
    let exit = project.run(&["runs", "--sync", "users", "--output", "json"]);
    exit.assert_code(0);
    assert!(exit.stderr.contains("warning[E101]: 5 of the 5 slots of users"), "{exit:?}");
    let runs: Value = serde_json::from_str(&exit.stdout).unwrap();
    assert_eq!(
        (&runs[0]["state"], &runs[0]["reason"]["code"]),
        (&"skipped".into(), &"E004".into()),
        "{runs}"
    );
    project.run(&["runs", "--sync", "nobody"]).assert_code(2);
}
