//! The lines as a reader of stderr gets them.

use std::sync::{Arc, Mutex};

use outflow_core::{Code, RunId, RunState};
use outflow_engine::Event;
use serde_json::{Value, json};
use tracing::{debug, error_span, info, trace, warn};

use super::*;

/// The lines of what is logged meanwhile.
fn lines(format: LogFormat, filter: &str, log: impl FnOnce()) -> Vec<String> {
    let written = Arc::new(Mutex::new(Vec::new()));
    let kept = written.clone();
    let write = move |line: &str| kept.lock().unwrap().push(line.to_owned());
    let subscriber = subscriber(format, &filter.parse().unwrap(), LevelFilter::INFO, write);
    tracing::subscriber::with_default(subscriber, log);
    std::mem::take(&mut *written.lock().unwrap())
}

/// The JSON lines without their times, which have to be RFC 3339.
fn documents(filter: &str, log: impl FnOnce()) -> Vec<Value> {
    let document = |line: String| {
        let mut document: Value = serde_json::from_str(&line).unwrap();
        let time = document.as_object_mut().unwrap().remove("time").unwrap();
        time.as_str().unwrap().parse::<outflow_core::Timestamp>().unwrap();
        document
    };
    lines(LogFormat::Json, filter, log).into_iter().map(document).collect()
}

fn failed() -> Event {
    let cause = std::io::Error::from(std::io::ErrorKind::HostUnreachable);
    let error = Error::new(Code::HostNotResolved, "no host a b").quoting("a canary");
    let error = error.at("outflow.yaml:3").help("see DNS");
    Event::Failed { sync: "users".into(), run: RunId(7), errors: vec![Arc::new(error.caused_by(cause))] }
}

#[test]
fn an_error_is_written_as_its_parts_in_both_forms() {
    let logged = documents("", || event(&failed()));
    let code = Code::HostNotResolved.as_str();
    assert_eq!(
        logged,
        [json!({
            "level": "error", "event": "run failed", "sync": "users", "run": 7, "code": code,
            "reason": "no host a b", "place": "outflow.yaml:3", "help": "see DNS", "causes": ["host unreachable"],
        })]
    );
    let text = lines(LogFormat::Text, "", || event(&failed()));
    let expected = format!(
        "ERROR run failed sync=users run=7 code={code} reason=\"no host a b\" place=outflow.yaml:3 \
         help=\"see DNS\" causes=[\"host unreachable\"]"
    );
    assert_eq!(text[0].split_once(' ').unwrap().1, expected);
}

#[test]
fn a_line_has_the_fields_of_its_spans_once_and_its_own_win() {
    let logged = documents("debug", || {
        let run = error_span!("run", sync = "users", run = 7_u64).entered();
        let delivery = error_span!("delivery", sync = "users", destination = "a").entered();
        info!(destination = "b", "seen");
        drop((delivery, run));
        debug!(absent = None::<u64>, there = Some(1_u64), "outside");
    });
    let seen = json!({ "level": "info", "event": "seen", "sync": "users", "run": 7, "destination": "b" });
    let target = module_path!();
    let outside = json!({ "level": "debug", "event": "outside", "there": 1, "target": target });
    assert_eq!(logged, [seen, outside]);
}

#[test]
fn a_value_cannot_break_a_line_or_steer_a_terminal() {
    let logged = lines(LogFormat::Text, "", || info!(sync = "a\x1b[2J", note = "two\nlines = 2", "note"));
    assert_eq!(logged[0].split_once(' ').unwrap().1, "INFO  note sync=a\u{fffd}[2J note=\"two\\nlines = 2\"");
}

#[test]
fn the_filter_decides_by_level_and_part_and_lets_no_library_through() {
    let all = || {
        warn!("one");
        info!("two");
        trace!("three");
        warn!(target: "outflow_engine::delivery::send", "four");
        trace!(target: "outflow_engine::delivery::send", "five");
        tracing::error!(target: "hyper_util::client", "never");
    };
    let events = |filter: &str| -> Vec<String> {
        let event = |d: Value| d["event"].as_str().unwrap().to_owned();
        documents(filter, all).into_iter().map(event).collect()
    };
    assert_eq!(events(""), ["one", "two", "four"]);
    assert_eq!(events("warn"), ["one", "four"]);
    assert_eq!(events("TRACE"), ["one", "two", "three", "four", "five"]);
    assert_eq!(events("off, outflow_engine=trace"), ["four", "five"]);
    assert_eq!(events("outflow_engine::delivery=off"), ["one", "two"]);
}

#[test]
fn an_event_that_passes_has_the_fields_of_spans_whatever_the_filter_leaves_out() {
    let logged = documents("off,outflow_engine::delivery=warn,outflow_engine::spans=off", || {
        let _run = error_span!(target: "outflow_engine::spans", "run", run = 7_u64).entered();
        warn!(target: "outflow_engine::delivery", "seen");
    });
    assert_eq!(logged, [json!({ "level": "warn", "event": "seen", "run": 7 })]);
}

#[test]
fn a_command_that_prints_events_logs_everything_else() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let kept = written.clone();
    let write = move |line: &str| kept.lock().unwrap().push(line.to_owned());
    let subscriber = subscriber(LogFormat::Text, &Filter::without_events(), LevelFilter::WARN, write);
    tracing::subscriber::with_default(subscriber, || {
        event(&failed());
        warn!("seen");
    });
    let lines = written.lock().unwrap();
    assert!(lines.len() == 1 && lines[0].ends_with(" WARN  seen"), "{lines:?}");
}

#[test]
fn a_bad_filter_says_what_is_wrong_with_it() {
    for (bad, says) in [
        ("loud", "\"loud\" is no level; levels are off, error, warn, info, debug, trace"),
        ("warn,outflow_engine=", "\"\" is no level"),
        ("outflow_engine=3", "\"3\" is no level"),
        ("delivery=debug", "\"delivery\" is no part of Outflow"),
        ("hyper=trace", "\"hyper\" is no part of Outflow"),
    ] {
        let error = bad.parse::<Filter>().unwrap_err().to_string();
        assert!(error.starts_with(says), "{bad}: {error}");
    }
    assert_eq!("".parse::<Filter>().unwrap(), Filter::default());
}

#[test]
fn a_delivery_with_losses_is_a_warning() {
    let delivered = |dead_letters| Event::Delivered {
        sync: "users".into(),
        run: RunId(7),
        destination: "a".into(),
        state: outflow_core::DeliveryState::Partial,
        counts: outflow_core::DeliveryCounts { dead_letters, ..Default::default() },
        reason: None,
    };
    let logged = documents("", || {
        event(&delivered(0));
        event(&delivered(1));
        event(&Event::Ended { sync: "users".into(), run: RunId(7), state: RunState::Succeeded });
    });
    let levels: Vec<_> = logged.iter().map(|d| d["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["info", "warn", "info"]);
    assert_eq!(
        logged[2],
        json!({ "level": "info", "event": "run ended", "sync": "users", "run": 7, "state": "succeeded" })
    );
}
