//! A supervisor and its housekeeping while the local clock leaps ahead, is set back and set right.

use std::time::Duration;

use outflow_core::ports::state::{AuditEntry, AuditResult, RunFilter};
use outflow_core::{Actor, Code, RunRecord, RunState, Timestamp};
use outflow_engine::operations::retention::RetentionPolicy;
use outflow_engine::serve::{ConcurrencyLimits, Event, RuntimeConfig};

use crate::parts::{House, Table};
use crate::served::{MINUTE, Served, SetClock, config, every_minute, open};

const DAY: i64 = 86_400;
/// When the stories begin: a whole minute.
const BEGIN: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What a supervisor says of its clock: `+` an alert that fires, `-` one that ends.
async fn told(served: &mut Served) -> String {
    served
        .next(|event| match event {
            Event::Alert { alert } => {
                let sign = if alert.recovered_at.is_some() { '-' } else { '+' };
                Some(format!("{sign}{}: {}", alert.kind, alert.message))
            }
            _ => None,
        })
        .await
}

fn runs_of(runs: Vec<RunRecord>) -> Vec<(RunState, i64)> {
    runs.into_iter().rev().map(|run| (run.state, run.due_at.as_second())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_leaps_ahead_under_serve_and_is_set_right_stops_no_schedule() {
    // Syncs begin a little after their slot.
    const LATER: i64 = 10;
    for ahead in [2 * 3_600, 30 * DAY, 40 * 365 * DAY] {
        let (a, table) = (open("a"), Table::users(1..=3));
        // Database and machine have one clock.
        let set = |clock: &SetClock, passed: i64, ahead: i64| {
            *table.clock.lock().unwrap() = BEGIN + LATER + passed + ahead;
            clock.set(BEGIN + LATER + passed + ahead, 1_000 + passed);
        };
        let (spec, clock) = (every_minute(&["a"]), SetClock::new(BEGIN, 1));
        set(&clock, 0, 0);
        let mut served = Served::start_by(House::new(&[&a]), clock, |house| config(house, &spec, &table));
        served.run_ended().await;

        set(&served.clock, MINUTE, ahead);
        served.handle.wake();
        served.run_ended().await;
        let fired = told(&mut served).await;
        assert!(fired.starts_with("+clock_jumped: the clock of this machine leapt ahead by "), "{fired}");
        assert!(fired.contains("nothing is deleted"), "{fired}");

        set(&served.clock, 2 * MINUTE, 0);
        served.handle.wake();
        served.run_ended().await;
        let over = told(&mut served).await;
        assert!(over.starts_with("-clock_jumped"), "{over}");
        for minute in 3..6 {
            set(&served.clock, minute * MINUTE, 0);
            served.handle.wake();
            served.run_ended().await;
        }

        let house = served.stop().await;
        let runs = house.state().runs(&RunFilter::default()).await.unwrap();
        let reset: Vec<_> = runs.iter().filter(|run| run.state == RunState::Skipped).collect();
        assert_eq!(reset.len(), 1, "{runs:?}");
        let (code, reason) = reset[0].reason.clone().unwrap();
        assert_eq!(code, Code::ClockJumped);
        assert!(reason.contains(&format!("{:.0}", at(BEGIN + MINUTE + ahead))), "{reason}");
        let ran = runs_of(runs).into_iter().filter(|run| run.0 != RunState::Skipped);
        let due: Vec<_> = ran.map(|run| run.1 - BEGIN).collect();
        let expected = [0, MINUTE + ahead, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE, 5 * MINUTE];
        assert_eq!(due, expected, "no slot is lost or doubled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_ahead_at_the_start_stops_no_schedule() {
    let (a, table, spec) = (open("a"), Table::users(1..=3), every_minute(&["a"]));
    let start = |house, clock| Served::start_by(house, clock, |house| config(house, &spec, &table));
    let mut served = start(House::new(&[&a]), SetClock::new(BEGIN + 3 * DAY, 500));
    served.run_ended().await;
    let house = served.end().await.reopened(&[&a]);

    let mut served = start(house, SetClock::new(BEGIN, 600));
    served.run_ended().await;
    let back = told(&mut served).await;
    assert!(back.contains("clock_jumped") || back.contains("clocks_differ"), "{back}");
    served.clock.set(BEGIN + MINUTE, 660);
    served.handle.wake();
    served.run_ended().await;
    let house = served.stop().await;
    let alerts = house.state().alerts().await.unwrap();
    let jumped = alerts.iter().find(|alert| alert.kind == "clock_jumped").expect("it fires for a day");
    assert!(jumped.message.contains("was set back by 3 d"), "{jumped:?}");
    assert_eq!(jumped.code, Some(Code::ClockJumped));
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_of_database_and_machine_that_differ_are_an_alert_that_says_which_is_which() {
    let (a, table, spec) = (open("a"), Table::users(1..=3), every_minute(&["a"]));
    *table.clock.lock().unwrap() = BEGIN - 3_600;
    let clock = SetClock::new(BEGIN, 500);
    let mut served = Served::start_by(House::new(&[&a]), clock, |house| config(house, &spec, &table));
    let fired = told(&mut served).await;
    assert_eq!(
        fired,
        "+clocks_differ: the clock of the database shop.main is 1 h behind this machine's: queries go by the database's clock, schedules by this machine's"
    );
    *table.clock.lock().unwrap() = BEGIN + MINUTE;
    served.clock.set(BEGIN + MINUTE, 560);
    served.handle.wake();
    assert!(told(&mut served).await.starts_with("-clocks_differ"));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_by_its_age_until_a_clock_has_stood_for_a_day() {
    let (a, table, spec) = (open("a"), Table::users(1..=3), every_minute(&["a"]));
    let mut house = House::new(&[&a]);
    let clock = SetClock::new(BEGIN, 500);
    house.engine.clock = clock.clone();
    assert!(house.engine.look_at_clock().await.unwrap().is_none());
    let run = house.run(&spec, &table).await.unwrap().run;
    table.set([(Some("9".to_owned()), "pro")]);
    house.run(&spec, &table).await.unwrap();

    let entry = AuditEntry {
        at: at(BEGIN),
        actor: Actor::local("ada"),
        action: "sync.run".to_owned(),
        subject: "sync/users".to_owned(),
        before: None,
        after: None,
        result: AuditResult::Begun,
    };
    house.state().record(&[entry]).await.unwrap();
    let keep = RetentionPolicy { audit: Some(Duration::from_secs(86_400)), ..RetentionPolicy::default() };
    clock.set(BEGIN + 10 * 365 * DAY, 600);
    let warning = house.engine.look_at_clock().await.unwrap().expect("it leapt");
    assert_eq!(warning.code(), Code::ClockJumped);
    assert!(warning.message().contains("leapt ahead by"), "{warning:?}");
    for up in [600, 4_000, 80_000] {
        clock.set(BEGIN + 10 * 365 * DAY + up, 600 + up);
        house.engine.look_at_clock().await.unwrap();
        house.engine.apply_retention(keep).await.unwrap();
        assert!(!house.state().segments(run).await.unwrap().is_empty(), "after {up} s");
        assert!(house.state().run(run).await.unwrap().is_some(), "after {up} s");
        assert_eq!(house.state().audit_head().await.unwrap().first, 1, "after {up} s");
    }
    // It is the right time after all.
    clock.set(BEGIN + 10 * 365 * DAY + DAY, 600 + DAY);
    house.engine.look_at_clock().await.unwrap();
    house.engine.apply_retention(keep).await.unwrap();
    assert!(house.state().segments(run).await.unwrap().is_empty());
    // Its entry is gone, and the one that says so has come.
    let head = house.state().audit_head().await.unwrap();
    assert_eq!((head.first, head.last), (2, 2));
    house.engine.apply_retention(RetentionPolicy { audit: None, ..keep }).await.unwrap();
    assert_eq!(house.state().audit_head().await.unwrap(), head, "without `audit.keep` it is kept for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ended_ahead_of_the_clock_is_recounted_now() {
    let (a, table, spec) = (open("a"), Table::users(1..=3), every_minute(&["a"]));
    let clock = SetClock::new(BEGIN + 400 * DAY, 500);
    let limits =
        ConcurrencyLimits { audit_after: Duration::from_secs(3_600), ..ConcurrencyLimits::default() };
    let mut served = Served::start_by(House::new(&[&a]), clock, |house| RuntimeConfig {
        limits,
        ..config(house, &spec, &table)
    });
    let (run, _) = served.run_ended().await;
    served.clock.set(BEGIN, 560);
    served.handle.wake();
    let audited = served
        .next(|event| match event {
            Event::Audited { run, differences, .. } => Some((*run, differences.clone())),
            _ => None,
        })
        .await;
    assert_eq!(audited, (run, Vec::new()));
    served.end().await;
}
