//! `outflow serve` as a process: it runs what is due, takes requests and reloads from outside,
//! stops gracefully and continues after a restart.

use std::time::Duration;

use outflow_core::ports::state::{NewRun, StateStore as _};
use outflow_core::run::{RunOptions, RunSpec, RunTrigger};
use outflow_state::SqliteStore;
use outflow_testkit::crash::Running;
use outflow_testkit::{Database, Judge, Postgres, Receiver, Reply};
use serde_json::Value;

use crate::support::{Project, document, pipelines, sync, yaml};

/// A table of users, and a project that syncs it once a day: at the first start, and then on
/// request.
struct Served {
    database: Database<'static>,
    receiver: Receiver,
    project: Project,
}

const QUERY: &str = "SELECT id AS \"userId\", bio FROM users WHERE updated >= {{last_sync_time | timestamp}}";

impl Served {
    fn new(name: &str) -> Self {
        let database = Postgres::shared().database(name);
        database.sql("CREATE TABLE users (id text, bio text, updated timestamptz DEFAULT clock_timestamp())");
        let receiver = Receiver::start_blocking();
        let served = Self { project: Project::new("version: 1\n"), database, receiver };
        served.configure(&sync("identify", QUERY));
        served
    }

    fn configure(&self, users: &str) {
        let users = format!("{users}schedule: {{ every: 1d }}\n");
        let text = yaml(&self.database, &[("journeys", &pipelines(&self.receiver))], &[("users", &users)]);
        self.project.write("outflow.yaml", &text);
    }

    fn add(&self, from: u32, to: u32) {
        self.database.sql(&format!(
            "INSERT INTO users (id, bio) SELECT 'u' || n, 'x' FROM generate_series({from}, {to}) n"
        ));
    }

    fn start(&self) -> Running {
        self.project.program(&["serve", "--no-wait"]).spawn()
    }

    fn status(&self) -> Value {
        document(&self.project.run(&["status", "--output", "json"]))
    }

    /// Waits until that many calls have arrived.
    fn wait_for(&self, calls: usize) {
        self.receiver.wait_for_calls_blocking(calls, Duration::from_secs(30));
    }

    fn assert_delivered(&self, to: u32) {
        Judge::expecting((1..=to).map(|n| format!("u{n}")))
            .judge(&self.receiver.arrivals())
            .assert_exactly_once();
        self.project.assert_closed();
    }
}

#[test]
fn it_runs_what_is_due_takes_wishes_and_stops_in_good_order() {
    let served = Served::new("serve_life");
    served.add(1, 5);
    let running = served.start();
    served.wait_for(5);

    served.add(6, 9);
    let wish = served.project.run(&["run", "users", "--output", "json"]);
    wish.assert_code(0);
    let document: Value = serde_json::from_str(&wish.stdout).unwrap();
    assert_eq!(
        (&document["state"], &document["rows"]["calls"]),
        (&"succeeded".into(), &4.into()),
        "{document}"
    );
    assert_eq!(served.project.runs()[0]["trigger"], "manual");
    let status = served.status();
    assert_eq!(status["serving"]["pid"], running.id(), "{status}");
    assert_eq!(status["serving"]["destinations"][0]["health"], "healthy", "{status}");
    assert_eq!(status["syncs"][0]["last"]["run"], document["run"], "{status}");
    assert_eq!((&status["waiting"], &status["alerts"]), (&serde_json::json!([]), &serde_json::json!([])));
    served.project.run(&["run", "nobody"]).assert_code(2);

    let second = served.project.run(&["serve", "--no-wait"]);
    second.assert_code(7);
    assert!(second.stderr.contains("error[T002]"), "{second:?}");

    running.signal("TERM");
    let exit = running.wait();
    exit.assert_code(0);
    assert!(exit.ran < Duration::from_secs(60) && exit.stderr.contains("stopped"), "{exit:?}");
    let status = served.status();
    assert!(status["serving"].is_null() && status["syncs"][0]["next_due"].is_string(), "{status}");
    let table = served.project.run(&["status"]);
    assert!(
        table.stdout.contains("nothing serves this project") && table.stdout.contains("succeeded"),
        "{table:?}"
    );
    served.assert_delivered(9);
}

#[test]
fn a_reload_is_whole_or_is_refused_with_every_problem() {
    let served = Served::new("serve_reload");
    served.add(1, 3);
    let running = served.start();
    served.wait_for(3);
    served.configure("type: identify\nqury: SELECT 1\nlookback: soon\n");
    running.signal("HUP");
    // A signal is heeded some time later, and the file is read then.
    let mut lines = std::iter::from_fn(|| running.next_line(Duration::from_secs(60)));
    assert!(lines.any(|line| line.contains("reload refused")), "it has read the broken file");
    // Refused: the old project is still in force, and a request uses it.
    served.add(4, 4);
    let wish = served.project.program(&["run", "users"]).run();
    assert_eq!(wish.code, Some(2), "the command itself reads the broken file: {wish:?}");
    served.configure(&sync("identify", &QUERY.replace("bio", "upper(bio) AS bio")));
    running.signal("HUP");
    served.project.run(&["run", "users"]).assert_code(0);
    served.wait_for(7);
    running.signal("INT");
    let exit = running.wait();
    assert!(exit.stderr.contains("code=C003") && exit.stderr.contains("code=C005"), "{exit:?}");
    assert!(exit.stderr.contains("reload refused") && exit.stderr.contains("reloaded"), "{exit:?}");
    let last = served.receiver.arrivals().into_iter().map(|a| a.call).find(|c| c["userId"] == "u4").unwrap();
    assert_eq!(last["traits"]["bio"], "X", "the new query was used");
    served.project.assert_closed();
}

#[test]
fn what_a_stopped_process_left_pending_is_delivered_by_the_next() {
    let served = Served::new("serve_restart");
    served.receiver.always(Reply::status(503));
    served.add(1, 2_000);
    let running = served.start();
    served.receiver.wait_for_requests_blocking(1, Duration::from_secs(30));
    running.signal("TERM");
    running.wait().assert_code(0);
    assert_eq!(served.project.runs()[0]["state"], "delivering");
    served.receiver.always(Reply::ok());
    let running = served.start();
    served.wait_for(2_000);
    running.signal("TERM");
    running.wait().assert_code(0);
    served.assert_delivered(2_000);
    assert_eq!(served.project.runs().len(), 1, "a slot that was fired before the restart is not fired again");
}

#[test]
fn a_run_that_waits_for_the_state_is_done_by_a_serve_that_gets_it_first() {
    let served = Served::new("serve_first");
    served.add(1, 3);
    let users = sync("identify", QUERY);
    let text = yaml(&served.database, &[("journeys", &pipelines(&served.receiver))], &[("users", &users)]);
    served.project.write("outflow.yaml", &text);
    // Both wait for whoever has the state now. Who was first gets it first.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = SqliteStore::new(served.project.path().join(".outflow"));
    let holder = runtime.block_on(store.claim(None)).unwrap();
    let waits = |pid: u32| {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| line.contains("->") && line.contains(&format!(" {pid} ")))
    };
    let serve = served.project.program(&["serve"]).spawn();
    while !waits(serve.id()) {}
    let run = served.project.program(&["run", "users"]).spawn();
    while !waits(run.id()) {}
    drop(holder);
    run.wait().assert_code(0);
    serve.signal("TERM");
    serve.wait().assert_code(0);
    served.assert_delivered(3);
}

#[test]
fn of_several_syncs_that_are_asked_for_one_that_is_stuck_keeps_none_from_beginning() {
    let served = Served::new("serve_several");
    served.add(1, 3);
    let stuck = Receiver::start_blocking();
    stuck.always(Reply::status(503));
    let to = |name: &str| format!("{}destinations: [{name}]\n", sync("identify", QUERY));
    let (well, ill) = (pipelines(&served.receiver), pipelines(&stuck));
    let destinations = [("journeys", well.as_str()), ("stuck", ill.as_str())];
    let syncs = [("apart", &*to("stuck")), ("users", &*to("journeys"))];
    served.project.write("outflow.yaml", &yaml(&served.database, &destinations, &syncs));
    let serve = served.start();
    while !serve.next_line(Duration::from_secs(30)).expect("it says that it serves").contains(" serving ") {}
    let run = served.project.program(&["run", "apart", "users"]).spawn();
    served.wait_for(3);
    assert!(!run.has_ended(), "it follows the stuck one");
    let waits = serde_json::json!([{ "sync": "apart", "destination": "stuck", "calls": 3, "oldest": 1, "stopped": false }]);
    assert_eq!(served.status()["waiting"], waits);
    run.kill();
    serve.signal("TERM");
    serve.wait().assert_code(0);
    served.assert_delivered(3);
}

#[test]
fn the_status_of_a_sync_that_skips_for_long_names_the_run_that_it_waits_for() {
    let served = Served::new("serve_skips");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = SqliteStore::new(served.project.path().join(".outflow"));
    let state = runtime.block_on(store.claim(None)).unwrap();
    let now = outflow_core::Timestamp::UNIX_EPOCH;
    let new = NewRun {
        sync: "users".into(),
        call_type: outflow_core::CallType::Identify,
        trigger: RunTrigger::Manual,
        spec: RunSpec {
            source: "shop.main".into(),
            query: QUERY.into(),
            connections: Vec::new(),
            options: RunOptions::default(),
            guards: outflow_core::Guards::default(),
            ids: Default::default(),
            skipped: Vec::new(),
        },
        due_at: now,
        started_at: now,
    };
    let waited_for = runtime.block_on(state.create_run(&new)).unwrap().id;
    for _ in 0..30 {
        let busy = (outflow_core::Code::RunInProgress, "busy".into());
        runtime.block_on(state.skip_run(&new, Some(waited_for), &busy)).unwrap();
    }
    drop(state);
    let status = served.status();
    assert_eq!(status["syncs"][0]["last"]["run"], waited_for.0, "{status}");
}
