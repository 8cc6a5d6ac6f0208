//! A receiver that allows 100 requests in a second, in real time: the binary uses what is allowed
//! and is seldom refused.
//!
//! The receiver has a token bucket, which saves what is not used for a second. So what it allows in
//! a time is at most what the bucket held at its beginning, and 100 for each second. More than all
//! of that cannot be used.

use std::time::Duration;

use outflow_testkit::{Judge, Postgres, Receiver, Report};

use crate::support::{Project, sync, yaml};

const RATE: f64 = 100.0;
const CALLS: usize = 900;

fn is_used_well(name: &str, retry_after: Option<&'static str>) {
    let (database, receiver) = (Postgres::shared().database(name), Receiver::start_blocking());
    receiver.limit_rate(RATE, retry_after);
    let hook = format!("type: webhook, url: \"{}\", max_calls: 1, concurrency: 8", receiver.url());
    let query = format!("SELECT i AS \"userId\" FROM generate_series(1, {CALLS}) i");
    let project = Project::new(&yaml(&database, &[("hook", &hook)], &[("users", &sync("identify", &query))]));
    project.json(&["run"], 0);
    Judge::expecting((1..=CALLS).map(|i| i.to_string())).judge(&receiver.arrivals()).assert_exactly_once();

    // The first seconds teach; those behind them count.
    let requests = receiver.requests();
    let (first, last) = (requests[0].at, requests[requests.len() - 1].at);
    let learned = requests.partition_point(|r| r.at < first + Duration::from_secs(3));
    let (taught, counted) = requests.split_at(learned);
    let seconds = (last - counted[0].at).as_secs_f64();
    let refused = counted.iter().filter(|r| r.status == Some(429)).count();
    let allowed = in_bucket(taught, counted[0].at) + RATE * seconds;
    let taken = (counted.len() - refused) as f64;
    let used = taken / allowed;
    let what = format!(
        "{:.1} % of {allowed:.0} used, {refused} of {} refused in {seconds:.1} s",
        used * 100.0,
        counted.len()
    );
    let test = if retry_after.is_some() {
        "limits::the_allowed_rate_is_used_where_the_receiver_says_when_to_come_back"
    } else {
        "limits::the_allowed_rate_is_used_where_the_receiver_says_nothing"
    };
    Report::new(
        test,
        "a storm of 429 from a receiver that allows 100 requests a second",
        (requests.len() - CALLS) as u64,
    )
    .with("of what was allowed", &what)
    .print();
    let at_the_rate = taken / (RATE * seconds);
    assert!(seconds > 3.0 && at_the_rate >= 0.85 && refused * 20 < counted.len(), "{what}");
    // Times are taken a moment before the bucket is asked.
    assert!(used <= 1.02, "more than all: {what}");
}

/// What the receiver's bucket holds at a time, after these requests.
fn in_bucket(requests: &[outflow_testkit::Request], at: Duration) -> f64 {
    let (mut tokens, mut filled) = (RATE, Duration::ZERO);
    for request in requests {
        tokens = (tokens + (request.at - filled).as_secs_f64() * RATE).min(RATE);
        filled = request.at;
        tokens -= if request.status == Some(429) { 0.0 } else { 1.0 };
    }
    (tokens + (at - filled).as_secs_f64() * RATE).min(RATE)
}

#[test]
fn the_allowed_rate_is_used_where_the_receiver_says_when_to_come_back() {
    is_used_well("limits_told", Some("1"));
}

#[test]
fn the_allowed_rate_is_used_where_the_receiver_says_nothing() {
    is_used_well("limits_silent", None);
}
