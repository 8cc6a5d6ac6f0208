//! Destinations that go wrong beside others that do not, under `outflow serve`. Promise 5 of
//! `docs/GUARANTEES.md`.

use std::time::{Duration, Instant};

use outflow_testkit::{
    ChaosProxy, Database, Fault, Judge, Postgres, Receiver, Reply, Report, long, slice_or_whole,
};

use crate::serving::{PATIENCE, Serving};
use crate::support::{Project, sync, yaml};

const ROWS: u64 = 1_200;
/// Requests are this slow, so that time is the destinations' and hardly the machine's.
const ANSWER: Duration = Duration::from_millis(100);

/// Eight good destinations, and if asked for one whose key is revoked and one that is a black hole.
struct RuntimeConfig {
    database: Database<'static>,
    good: Vec<Receiver>,
    revoked: Receiver,
    blackholed: Receiver,
    hole: ChaosProxy,
    project: Project,
}

impl RuntimeConfig {
    fn new(name: &str, with_bad: bool) -> RuntimeConfig {
        let database = Postgres::shared().database(name);
        database.sql("CREATE TABLE users (id int PRIMARY KEY, round int)");
        let receiver = || {
            let receiver = Receiver::start_blocking();
            receiver.always(Reply::ok().after(ANSWER));
            receiver
        };
        let good: Vec<Receiver> = (0..8).map(|_| receiver()).collect();
        let (revoked, blackholed) = (receiver(), receiver());
        revoked.always(Reply::status(401));
        let hole = ChaosProxy::start(blackholed.port());
        hole.set(Fault::Silence);
        let hook = |port: u16| {
            format!(
                r#"type: webhook, url: "http://127.0.0.1:{port}/", concurrency: 2, max_calls: 50, timeout: 5s"#
            )
        };
        let mut destinations: Vec<(String, String)> =
            good.iter().enumerate().map(|(i, r)| (format!("good{i}"), hook(r.port()))).collect();
        if with_bad {
            destinations.push(("revoked".to_owned(), hook(revoked.port())));
            destinations.push(("blackholed".to_owned(), hook(hole.port())));
        }
        let destinations: Vec<(&str, &str)> =
            destinations.iter().map(|(n, s)| (n.as_str(), s.as_str())).collect();
        let users = sync("identify", r#"SELECT id AS "userId", round FROM users ORDER BY id"#);
        let project = Project::new(&yaml(&database, &destinations, &[("users", &users)]));
        RuntimeConfig { database, good, revoked, blackholed, hole, project }
    }

    /// Changes every row, has the sync run, and returns how long it takes until the eight have
    /// everything.
    fn round(&self, serving: &Serving, round: u64) -> Duration {
        self.database.sql(&format!(
            "TRUNCATE users; INSERT INTO users SELECT i, {round} FROM generate_series(1, {ROWS}) i"
        ));
        let started = Instant::now();
        assert!(serving.trigger("users").is_some(), "round {round} finds the sync free");
        for receiver in &self.good {
            receiver.wait_for_calls_blocking((round * ROWS) as usize, PATIENCE);
        }
        started.elapsed()
    }

    /// Checks that a destination got the rows of that many rounds, in order.
    fn judge(receiver: &Receiver, rounds: u64) -> outflow_testkit::Verdict {
        let rows = (1..=rounds).flat_map(|round| (1..=ROWS).map(move |id| format!("{id} in {round}")));
        let verdict = Judge::expecting(rows)
            .key(|call| Some(format!("{} in {}", call["userId"].as_str()?, call["traits"]["round"])))
            .order(|call| Some((call["userId"].as_str()?.to_owned(), call["traits"]["round"].as_u64()?)))
            .judge(&receiver.arrivals());
        verdict.assert_at_least_once();
        verdict
    }
}

/// The short form makes one round before the two are fixed: a black hole counts as degraded after
/// five minutes, and only then does it not keep the sync busy.
#[test]
fn eight_of_ten_destinations_do_not_notice_that_two_are_out_of_order() {
    let rounds = slice_or_whole(1, 3);
    let (healthy, mixed) =
        (RuntimeConfig::new("isolation_healthy", false), RuntimeConfig::new("isolation_mixed", true));
    let mut alone = healthy.project.serve();
    let mut serving = mixed.project.serve();
    assert!(alone.is_up() && serving.is_up());
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        // Side by side, one after the other.
        without.push(healthy.round(&alone, round));
        alone.event("run ended", Some("users")).unwrap();
        with.push(mixed.round(&serving, round));
        if round == 1 && long() {
            let degraded = |serving: &mut Serving| {
                serving.next("the black hole is degraded", |said| {
                    (said["event"] == "destination degraded" && said["destination"] == "blackholed")
                        .then_some(())
                })
            };
            // Five minutes, of which no wait is longer than our patience.
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(290) {
                serving.hear(Duration::from_secs(10));
            }
            degraded(&mut serving).unwrap();
        }
    }
    mixed.revoked.always(Reply::ok());
    mixed.hole.set(Fault::None);
    let mended = Instant::now();
    serving.signal("HUP");
    for run in 1..=rounds {
        assert_eq!(serving.end_of(run).unwrap(), (run, "succeeded".to_owned()));
    }
    let caught_up = mended.elapsed();
    alone.stop();
    serving.stop();
    mixed.project.assert_closed();
    let mut report = Report::new(
        "isolation::eight_of_ten_destinations_do_not_notice_that_two_are_out_of_order",
        "runs to ten destinations, one with a revoked key, one blackholed",
        rounds,
    );
    for receiver in mixed.good.iter().chain([&mixed.revoked, &mixed.blackholed]) {
        report = report.judged(&RuntimeConfig::judge(receiver, rounds));
    }
    let sum = |all: &[Duration]| all.iter().sum::<Duration>().as_secs_f64();
    let down = (sum(&with) / sum(&without) - 1.0) * 100.0;
    report
        .with("the eight slower by", format!("{down:.1} %"))
        .with("the two caught up within", format!("{:.1} s", caught_up.as_secs_f64()))
        .print();
    // The short form is one short run on a machine that is busy with other tests.
    assert!(down <= slice_or_whole(25.0, 5.0), "{down:.1} %: {with:?} against {without:?}");
}

#[test]
fn one_bad_call_in_ten_thousand_becomes_the_only_dead_letter() {
    let (database, receiver) = (Postgres::shared().database("poison"), Receiver::start_blocking());
    receiver.refuse_batches_with(400, |call| call["userId"] == "6789");
    let hook = format!(r#"type: webhook, url: "{}", max_calls: 1000, concurrency: 4"#, receiver.url());
    let query = r#"SELECT i AS "userId" FROM generate_series(1, 10000) i"#;
    let project = Project::new(&yaml(&database, &[("hook", &hook)], &[("users", &sync("identify", query))]));
    let run = project.json(&["run"], 4);
    assert_eq!(run["destinations"]["hook"]["dead_letters"], 1, "{run}");
    let letters = project.json(&["dead-letters"], 0).to_string();
    assert!(letters.contains("D003"), "{letters}");
    let verdict = Judge::expecting((1..=10_000).filter(|i| *i != 6_789).map(|i| i.to_string()))
        .judge(&receiver.arrivals());
    verdict.assert_exactly_once();
    let extra = receiver.requests().len() - 10;
    let allowed = 2.0 * 1000_f64.log2();
    project.assert_closed();
    Report::new(
        "isolation::one_bad_call_in_ten_thousand_becomes_the_only_dead_letter",
        "a bad call behind a 400 for the whole batch, 10,000 calls",
        1,
    )
    .judged(&verdict)
    .with("dead letters", 1)
    .with("extra requests", format!("{extra} of {allowed:.1} allowed"))
    .print();
    assert!(extra as f64 <= allowed, "{extra} extra requests");
}

#[test]
fn a_wrong_path_makes_no_dead_letter_and_nothing_is_lost_once_it_is_right() {
    let (database, receiver) = (Postgres::shared().database("wrong_path"), Receiver::start_blocking());
    receiver.rule(|request, _| (request.path != "/right").then(|| Reply::status(404)));
    let project_with = |path: &str| {
        let hook = format!(r#"type: webhook, url: "{}/{path}", max_calls: 100"#, receiver.url());
        let query = r#"SELECT i AS "userId" FROM generate_series(1, 10000) i"#;
        yaml(&database, &[("hook", &hook)], &[("users", &sync("identify", query))])
    };
    let project = Project::new(&project_with("wrong"));
    let run = project.json(&["run"], 6);
    let hook = &run["destinations"]["hook"];
    assert_eq!((hook["dead_letters"].as_u64(), hook["pending"].as_u64()), (Some(0), Some(10_000)), "{run}");
    let asked = receiver.requests().len();
    project.write("outflow.yaml", &project_with("right"));
    project.run(&["run"]).assert_code(0);
    let verdict = Judge::expecting((1..=10_000).map(|i| i.to_string())).judge(&receiver.arrivals());
    verdict.assert_exactly_once();
    project.assert_closed();
    Report::new(
        "isolation::a_wrong_path_makes_no_dead_letter_and_nothing_is_lost_once_it_is_right",
        "404 to everything, 10,000 calls",
        asked as u64,
    )
    .judged(&verdict)
    .with("dead letters", 0)
    .print();
}

/// A sync to a fast and a slow destination, one to the slow one alone and one to the fast one
/// alone. While the first two are being delivered, their slots come, and that of the third.
#[test]
fn slots_that_are_due_beside_a_running_run_are_taken_sync_by_sync() {
    let database = Postgres::shared().database("due_beside");
    let (fast, slow) = (Receiver::start_blocking(), Receiver::start_blocking());
    slow.always(Reply::ok().after(Duration::from_secs(1)));
    let hook = |receiver: &Receiver| {
        format!(r#"type: webhook, url: "{}", concurrency: 1, max_calls: 1"#, receiver.url())
    };
    let query = r#"SELECT i AS "userId", now()::text AS at FROM generate_series(1, 3) i"#;
    let to = |destinations: &str| {
        format!("{}destinations: [{destinations}]\nschedule: {{ every: 1h }}\n", sync("identify", query))
    };
    let (both, only, free) = (to("fast, slow"), to("slow"), to("fast"));
    let syncs = [("both", both.as_str()), ("only", only.as_str()), ("free", free.as_str())];
    let (to_fast, to_slow) = (hook(&fast), hook(&slow));
    let project = Project::new(&yaml(&database, &[("fast", &to_fast), ("slow", &to_slow)], &syncs));
    let first = project.program(&["run", "both", "only"]).spawn();
    fast.wait_for_calls_blocking(3, PATIENCE);
    let reads = |run: &serde_json::Value| run["state"] != "delivering";
    let begun = Instant::now();
    while project.runs().len() < 2 || project.runs().iter().any(reads) {
        assert!(begun.elapsed() < PATIENCE, "both are being delivered");
    }
    let due = project.run(&["run", "--due", "--no-wait"]);
    due.assert_code(7);
    // The fast destination gets the new run of `both`, and that of `free`, at once.
    fast.wait_for_calls_blocking(9, PATIENCE);
    assert!(slow.arrivals().len() < 9, "the slow one is still at work: {}", slow.arrivals().len());
    first.wait().assert_code(0);
    let runs = project.runs();
    let of = |name: &str, state: &str| {
        runs.iter().filter(|run| run["sync"] == name && run["state"] == state).collect::<Vec<_>>()
    };
    assert_eq!((of("both", "succeeded").len(), of("free", "succeeded").len()), (2, 1), "{runs:?}");
    let skipped = of("only", "skipped");
    let reason = skipped[0]["reason"]["message"].as_str().unwrap();
    assert!(skipped.len() == 1 && reason.ends_with("is being delivered to slow"), "{skipped:?}");
    assert_eq!((fast.arrivals().len(), slow.arrivals().len()), (9, 9));
    // The slots have fired.
    assert_eq!(project.json(&["run", "--due"], 0), serde_json::json!([]));
}

#[test]
fn a_firewall_that_dislikes_one_call_stops_neither_its_sync_nor_another() {
    let (database, receiver) = (Postgres::shared().database("firewall"), Receiver::start_blocking());
    receiver.rule(|request, _| {
        let blocked = request.body.windows(10).any(|text| text == b"DROP TABLE");
        blocked.then(|| Reply::status(403).body("<html><body>Request blocked</body></html>"))
    });
    let hook = format!(r#"type: webhook, url: "{}", max_calls: 1, concurrency: 1"#, receiver.url());
    let notes = r#"SELECT i AS "userId", CASE i WHEN 3 THEN 'stops at DROP TABLE x' ELSE 'called' END AS note FROM generate_series(1, 5) i"#;
    let orders = r#"SELECT i AS "userId", 'Ordered' AS event FROM generate_series(11, 15) i"#;
    let syncs = [("notes", &*sync("identify", notes)), ("orders", &*sync("track", orders))];
    let project = Project::new(&yaml(&database, &[("crm", &hook)], &syncs));
    project.run(&["run", "notes", "orders"]).assert_code(4);
    let letters = project.json(&["dead-letters", "notes"], 0);
    let letter = &letters["entries"][0];
    assert_eq!((&letter["code"], &letter["status"]), (&"D022".into(), &403.into()), "{letters}");
    assert_eq!(letter["reason"], "(a web page)", "{letters}");
    let expected = [1, 2, 4, 5, 11, 12, 13, 14, 15].map(|i: u32| i.to_string());
    Judge::expecting(expected).judge(&receiver.arrivals()).assert_exactly_once();
    project.assert_closed();
    let status = project.json(&["status"], 0);
    assert_eq!((&status["waiting"], &status["syncs"][0]["undelivered"]), (&serde_json::json!([]), &0.into()));
}

#[test]
fn a_stop_says_the_status_the_answer_the_cure_and_how_to_go_on() {
    let (database, receiver) = (Postgres::shared().database("stop_words"), Receiver::start_blocking());
    receiver.always(Reply::status(401).body(r#"{"error":"unauthorized"}"#));
    let hook = format!(r#"type: webhook, url: "{}""#, receiver.url());
    let query = r#"SELECT i AS "userId" FROM generate_series(1, 20) i"#;
    let project = Project::new(&yaml(&database, &[("crm", &hook)], &[("users", &sync("identify", query))]));
    let run = project.run(&["run", "users"]);
    run.assert_code(6);
    for words in [
        "error[D013]: crm: the destination refused the credentials: 401 Unauthorized: unauthorized; ",
        "row ",
        "messageId ",
        "Check `write_key` (of a webhook, `headers`)",
        "20 calls stay pending; `outflow run users` tries again",
    ] {
        assert!(run.stderr.contains(words), "{words:?} in {}", run.stderr);
    }
    let status = project.json(&["status"], 0);
    let waits = &status["waiting"][0];
    assert_eq!((&waits["calls"], &waits["oldest"], &waits["stopped"]), (&20.into(), &1.into(), &true.into()));
    assert_eq!((&waits["reason"]["code"], &status["syncs"][0]["undelivered"]), (&"D013".into(), &20.into()));
    let table = project.run(&["status"]).stdout;
    assert!(table.contains("stopped") && table.contains("D013 401 Unauthorized"), "{table}");
}
