//! Receivers whose answers are made up: headers with absurd numbers, bodies that lie, answers that
//! are no HTTP. Promises 5 and 6 of `docs/GUARANTEES.md`: none ends a process, none is stuck once
//! it is well, and every other destination is on time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use outflow_testkit::{Judge, Postgres, Receiver, Reply, Report, Rng, seed, slice_or_whole};
use serde_json::Value;

use crate::support::{Project, sync, yaml};

/// Destinations of a round that get made-up answers, and the others.
const EVIL: usize = 30;
const GOOD: usize = 3;
const ROWS: u64 = 10;

const HEADERS: [&str; 12] = [
    "retry-after",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "date",
    "content-encoding",
    "content-type",
];

const NUMBERS: [&str; 24] = [
    "0",
    "1",
    "-1",
    "7",
    "60",
    "61",
    "3600",
    "86400",
    "1e19",
    "1e300",
    "1e-300",
    "1e309",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "0.0000000001",
    "1795514430",
    "253402300800",
    "",
    "soon",
];

const DATES: [&str; 5] = [
    "Sat, 01 Jan 2050 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Tue, 99 Nov 2026 10:00:30 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
];

fn pick<'a>(rng: &mut Rng, of: &[&'a str]) -> &'a str {
    of[rng.below(of.len() as u64) as usize]
}

/// The value of a header, which need not suit it.
fn value(rng: &mut Rng) -> String {
    let (a, b) = (pick(rng, &NUMBERS), pick(rng, &NUMBERS));
    match rng.below(8) {
        0 | 1 => a.to_owned(),
        2 => format!("\"x\";q={a};w={b}"),
        3 => format!("\"x\";r={a};t={b}"),
        4 => format!("limit={a}, remaining={b}, reset={}", pick(rng, &NUMBERS)),
        5 => pick(rng, &DATES).to_owned(),
        6 => vec![format!("\"x\";q={a};w={b}"); 1 + rng.below(200) as usize].join(", "),
        _ => (0..rng.below(60)).map(|_| char::from(32 + rng.below(95) as u8)).collect(),
    }
}

fn body(rng: &mut Rng) -> Vec<u8> {
    match rng.below(9) {
        0 => br#"{"success":true}"#.to_vec(),
        1 => br#"{"success":false,"errors":[{"index":1e300}]}"#.to_vec(),
        2 => b"<html>log in</html>".to_vec(),
        3 => "[".repeat(50_000).into_bytes(),
        4 => Vec::new(),
        5 => (0..rng.below(300)).map(|_| rng.next_u64() as u8).collect(),
        6 => vec![b'x'; 100_000],
        7 => format!("{{\"errors\":{{\"{}\":{}}}}}", "k".repeat(1_000), "9".repeat(1_000)).into_bytes(),
        _ => b"null".to_vec(),
    }
}

fn answer(rng: &mut Rng) -> Reply {
    let mut reply = match rng.below(20) {
        0 => return Reply::garbage(),
        1 => return Reply::close(),
        2 => return Reply::short_body(),
        3 => return Reply::bad_chunks(),
        4 => return Reply::long_head(100_000),
        5 => return Reply::informational_flood(100),
        6 => return Reply::reset_after_request(),
        7..=15 => Reply::status([200, 200, 201, 204, 207][rng.below(5) as usize]),
        16 => Reply::status([400, 413, 422][rng.below(3) as usize]),
        17 => Reply::status([401, 404, 302, 999, 600][rng.below(5) as usize]),
        _ => Reply::status([429, 429, 503, 500, 408, 425, 599][rng.below(7) as usize]),
    };
    if rng.below(2) == 0 {
        reply = reply.body(body(rng));
    }
    for _ in 0..rng.below(5) {
        reply = reply.header(pick(rng, &HEADERS), &value(rng));
    }
    reply
}

/// One round: a run against made-up answers, and one after they have ended.
struct Round {
    answers: usize,
    good: Duration,
}

fn round(
    url: &dyn Fn(&str) -> String,
    evil: &Receiver,
    good: &Receiver,
    name: &str,
    is_well: &AtomicBool,
) -> Round {
    let database = Postgres::shared().database(name);
    let hook =
        |url: String| format!("type: webhook, url: \"{url}\", max_calls: 1, concurrency: 4, timeout: 2s");
    let mut destinations: Vec<(String, String)> =
        (0..EVIL).map(|i| (format!("evil{i}"), hook(url(&format!("evil{i}"))))).collect();
    destinations.extend((0..GOOD).map(|i| (format!("good{i}"), hook(format!("{}/good{i}", good.url())))));
    let destinations: Vec<(&str, &str)> =
        destinations.iter().map(|(n, s)| (n.as_str(), s.as_str())).collect();
    let users = sync("identify", &format!("SELECT i AS \"userId\" FROM generate_series(1, {ROWS}) i"));
    let project = Project::new(&yaml(&database, &destinations, &[("users", &users)]));
    let is_sound = |exit: &outflow_testkit::crash::Exit| {
        assert!(!exit.stderr.contains("panicked") && !exit.stderr.contains("E008"), "{exit:?}");
        assert!(exit.ran < Duration::from_secs(60), "{exit:?}");
    };

    is_well.store(false, Ordering::SeqCst);
    evil.clear();
    good.clear();
    let started = Instant::now();
    let running = project.program(&["run", "--delivery-timeout", "2s"]).spawn();
    good.wait_for_calls_blocking(GOOD * ROWS as usize, Duration::from_secs(60));
    let on_time = started.elapsed();
    let exit = running.wait();
    is_sound(&exit);
    let answers = evil.requests().len();
    Judge::expecting((1..=ROWS).map(|i| i.to_string()))
        .judge(
            &good
                .arrivals()
                .into_iter()
                .filter(|a| good.requests()[a.request].path == "/good0")
                .collect::<Vec<_>>(),
        )
        .assert_exactly_once();

    is_well.store(true, Ordering::SeqCst);
    let exit = project.run(&["run"]);
    is_sound(&exit);
    let run = &project.runs()[usize::from(project.runs().len() > 1)];
    for (name, destination) in run["destinations"].as_object().unwrap() {
        assert_eq!(destination["pending"], Value::from(0), "{name} is stuck: {run}");
    }
    project.assert_closed();
    Round { answers, good: on_time }
}

#[test]
fn made_up_answers_end_no_process_and_delay_no_other_destination() {
    let wanted = slice_or_whole(300, 10_000);
    let (evil, good) = (Receiver::start_blocking(), Receiver::start_blocking());
    let (rng, is_well) = (std::sync::Mutex::new(Rng::new(seed())), Arc::new(AtomicBool::new(true)));
    let well = is_well.clone();
    evil.rule(move |_, _| {
        let mut rng = rng.lock().unwrap();
        Some(if well.load(Ordering::SeqCst) { Reply::ok() } else { answer(&mut rng) })
    });
    let (mut answers, mut times, mut rounds) = (0, Vec::new(), 0);
    while answers < wanted {
        let url = |name: &str| format!("{}/{name}", evil.url());
        let round = round(&url, &evil, &good, &format!("fuzz_{rounds}"), &is_well);
        answers += round.answers;
        times.push(round.good);
        rounds += 1;
    }
    Report::new(
        "fuzz::made_up_answers_end_no_process_and_delay_no_other_destination",
        "an answer with made-up headers and body",
        answers as u64,
    )
    .with("runs", rounds)
    .with("panics and stuck destinations", 0)
    .durations("the others had everything after", &times)
    .print();
}

/// A run of twenty calls to a receiver that takes all and states this policy.
fn stated(name: &str, policy: &'static str) -> (Project, Receiver) {
    let (database, receiver) = (Postgres::shared().database(name), Receiver::start_blocking());
    receiver.always(Reply::ok().header("ratelimit-policy", policy));
    let hook = format!("type: webhook, url: \"{}\", max_calls: 5, concurrency: 2", receiver.url());
    let query = "SELECT i AS \"userId\" FROM generate_series(1, 20) i";
    let project = Project::new(&yaml(&database, &[("hook", &hook)], &[("users", &sync("identify", query))]));
    (project, receiver)
}

#[test]
fn a_run_ends_in_its_time_whatever_rate_a_destination_states() {
    for (n, policy) in ["\"x\";q=1;w=1e300", "\"x\";q=1;w=1e19", "\"x\";q=1;w=60", "\"x\";q=1;w=86400"]
        .into_iter()
        .enumerate()
    {
        let (project, receiver) = stated(&format!("fuzz_stated_{n}"), policy);
        let exit = project.run(&["run", "--delivery-timeout", "2s"]);
        exit.assert_code(6);
        assert!(exit.stderr.contains("D020") && !exit.stderr.contains("panicked"), "{policy}: {exit:?}");
        assert!(exit.ran < Duration::from_secs(20), "{policy}: {exit:?}");
        assert!(!receiver.calls().is_empty());
        receiver.always(Reply::ok());
        project.run(&["run"]).assert_code(0);
        assert_eq!(receiver.calls().len(), 20, "{policy}");
        project.assert_closed();
    }
}

#[test]
fn a_signal_ends_a_run_that_waits_for_a_rate_at_once() {
    for (n, policy) in ["\"x\";q=1;w=60", "\"x\";q=1;w=86400"].into_iter().enumerate() {
        let (project, receiver) = stated(&format!("fuzz_signal_{n}"), policy);
        let running = project.program(&["run", "--delivery-timeout", "365d"]).spawn();
        receiver.wait_for_calls_blocking(5, Duration::from_secs(60));
        let asked = Instant::now();
        running.signal("TERM");
        let exit = running.wait();
        assert!(asked.elapsed() < Duration::from_secs(8), "{policy}: {:?} {exit:?}", asked.elapsed());
        assert!(!exit.stderr.contains("panicked"), "{exit:?}");
        project.assert_closed();
    }
}
