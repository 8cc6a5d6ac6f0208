//! Starts by every rule, by clocks that stand, are others, leap and are set back.

use outflow_core::sync::Schedule;
use outflow_core::{Dialect, Uptime};

use super::*;

pub(crate) fn spec() -> SyncSpec {
    SyncSpec {
        name: "users".into(),
        description: String::new(),
        tags: Vec::new(),
        source: "s".into(),
        database: "main".into(),
        dialect: Dialect::Postgres,
        call_type: CallType::Identify,
        query: "SELECT 1".into(),
        schedule: Schedule::Manual,
        connections: vec![],
        lookback: Duration::from_secs(1),
        lookback_max: Duration::from_secs(3_600),
        cursor: None,
        ids: Default::default(),
        on_invalid_value: Default::default(),
        first_run: FirstRun::Beginning,
        enabled: true,
        query_timeout: None,
        max_run_bytes: None,
        guards: Default::default(),
    }
}

fn at(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap()
}

/// Our clock, where the uptime is not known.
fn wall(us: i64) -> Reading {
    Reading { wall_us: us, uptime: None }
}

fn clocks(us: i64) -> Clocks {
    let own = [wall(us), wall(us + 1_000)];
    Clocks {
        warehouse: at(us),
        place: "here".into(),
        own,
        open: OpenTransactions::default(),
        first: None,
        earlier: None,
    }
}

fn started_at(clock_us: i64) -> SyncState {
    let watermark = Watermark { clock_us, ..Watermark::default() };
    SyncState { watermark: Some(watermark), ..SyncState::default() }
}

fn seconds(spec: &SyncSpec, state: &SyncState, options: &RunOptions) -> String {
    text(&start_value(spec, state, options, &clocks(2_000_000_500_000)))
}

#[test]
fn the_first_run_begins_where_the_sync_says() {
    let (mut s, none, ordinary) = (spec(), SyncState::default(), RunOptions::default());
    assert_eq!(seconds(&s, &none, &ordinary), "0");
    s.first_run = FirstRun::Now;
    assert_eq!(seconds(&s, &none, &ordinary), "2000000");
    s.first_run = FirstRun::At(at(1_500_000));
    assert_eq!(seconds(&s, &none, &ordinary), "1");
}

#[test]
fn later_runs_begin_a_lookback_before_the_previous_start_and_never_below_zero() {
    let mut s = spec();
    let state = started_at;
    let ordinary = RunOptions::default();
    assert_eq!(seconds(&s, &state(1_000_999_999), &ordinary), "999");
    s.lookback = Duration::from_millis(1_500);
    assert_eq!(seconds(&s, &state(1_000_999_999), &ordinary), "998");
    s.lookback = Duration::from_secs(5_000);
    assert_eq!(seconds(&s, &state(1_000_999_999), &ordinary), "0");
    s.lookback = Duration::MAX;
    assert_eq!(seconds(&s, &state(1_000_999_999), &ordinary), "0");
    let mut first = state(1_000_999_999);
    first.watermark.as_mut().unwrap().first_us = Some(990_500_000);
    assert_eq!(seconds(&s, &first, &ordinary), "990", "nor before the first run's start");
    s.lookback = Duration::ZERO;
    assert_eq!(seconds(&s, &first, &ordinary), "1000");
}

#[test]
fn options_win_over_the_state() {
    let state = started_at(9_000_000_000);
    let full = RunOptions::of(RunKind::Full);
    let since = RunOptions::of(RunKind::Since { at: at(77_900_000) });
    assert_eq!(seconds(&spec(), &state, &full), "0");
    assert_eq!(seconds(&spec(), &state, &since), "77");
}

#[test]
fn a_cursor_takes_the_place_of_the_clock_and_never_goes_back() {
    let s = SyncSpec { cursor: Some("updated".into()), ..spec() };
    let (used, clocks) = (LastSyncTime::Seconds(0), clocks(1_700_000_000_000_000));
    let none = started_at(5_000_000);
    assert_eq!(next_cursor(&s, &none, None, &used, &clocks).as_deref(), Some("0"));
    let cursor = Cursor { value: "1700000000".into(), ..Cursor::default() };
    let state = SyncState { cursor: Some(cursor), ..none };
    assert_eq!(seconds(&s, &state, &RunOptions::default()), "1699999999");
    let seen = CursorValue::parse("1600000000");
    assert_eq!(next_cursor(&s, &state, seen, &used, &clocks).as_deref(), Some("1700000000"));
    let seen = CursorValue::parse("1800000000");
    assert_eq!(next_cursor(&s, &state, seen, &used, &clocks).as_deref(), Some("1800000000"));
}

#[test]
fn a_cursor_belongs_to_its_column_and_times_do_not_run_ahead_of_the_clock() {
    let mut s = SyncSpec { cursor: Some("updated".into()), ..spec() };
    let of = |of: &str| SyncState {
        cursor: Some(Cursor { value: "1800000000".into(), column: Some(of.into()), ..Cursor::default() }),
        ..SyncState::default()
    };
    assert_eq!(seconds(&s, &of("Updated"), &RunOptions::default()), "1799999999");
    assert_eq!(seconds(&s, &of("id"), &RunOptions::default()), "0");
    let (used, clocks) = (LastSyncTime::Seconds(0), clocks(1_700_000_000_000_000));
    let next = |s: &SyncSpec, state: &SyncState, seen| {
        next_cursor(s, state, CursorValue::parse(seen), &used, &clocks).unwrap()
    };
    assert_eq!(next(&s, &of("id"), "5"), "5");
    assert_eq!(next(&s, &SyncState::default(), "9999-12-31 23:59:59"), "2023-11-14T22:13:20Z");
    assert_eq!(next(&s, &SyncState::default(), "2023-11-14 22:13:19"), "2023-11-14T22:13:19Z");
    s.lookback = Duration::MAX;
    assert_eq!(seconds(&s, &of("updated"), &RunOptions::default()), "0");
}

#[test]
fn a_start_by_another_clock_is_carried_over_by_way_of_ours_and_only_ever_back() {
    let s = spec();
    let state = |of: Option<&str>| {
        let mut state = started_at(1_000_000_000);
        let watermark = state.watermark.as_mut().unwrap();
        watermark.clock_of = of.map(Into::into);
        watermark.local_clock_us = Some(5_000_000_000);
        state
    };
    // Sixty seconds have passed by our clock.
    let start = |state: &SyncState, warehouse: i64, own: i64| {
        let clocks = Clocks {
            warehouse: at(warehouse * 1_000_000),
            place: "here".into(),
            own: [wall(0), wall(own * 1_000_000)],
            open: OpenTransactions::default(),
            first: None,
            earlier: Some("77".into()),
        };
        (text(&start_value(&s, state, &RunOptions::default(), &clocks)), note(&s, state, &clocks).is_some())
    };
    let told = |value: &str, note| (value.to_owned(), note);
    assert_eq!(start(&state(Some("here")), 1_060, 5_060), told("999", false));
    assert_eq!(start(&state(None), 1_060, 5_060), told("999", false));
    assert_eq!(start(&state(Some("here")), 700, 5_060), told("639", true), "set back by six minutes");
    assert_eq!(start(&state(Some("there")), 700, 5_060), told("639", true));
    assert_eq!(start(&state(Some("there")), 1_030, 5_060), told("969", true), "thirty seconds behind");
    assert_eq!(start(&state(Some("there")), 2_000, 5_060), told("999", true), "ahead: never forward");
    assert_eq!(start(&state(Some("here")), 700, 4_000), told("77", true), "both were set back");
    assert_eq!(start(&state(Some("here")), 1_060, 4_000), told("999", false), "ours was set back");
    assert_eq!(start(&state(Some("here")), 1_005, 5_060), told("77", true), "ours leapt, or it was set back");
    let mut unknown = state(Some("there"));
    unknown.watermark.as_mut().unwrap().local_clock_us = None;
    assert_eq!(start(&unknown, 700, 5_060), told("77", true));
}

#[test]
fn now_is_when_the_first_run_was_first_tried() {
    let s = SyncSpec { first_run: FirstRun::Now, ..spec() };
    let clocks = Clocks { first: Some(at(7_900_000)), ..clocks(9_000_000) };
    assert_eq!(text(&start_value(&s, &SyncState::default(), &RunOptions::default(), &clocks)), "7");
}

#[test]
fn another_query_type_or_null_rule_is_another_fingerprint_but_another_destination_is_not() {
    let connection = |name: &str, nulls| outflow_core::Connection { destination: name.into(), nulls };
    let mut s = spec();
    s.connections = vec![connection("a", Nulls::Send)];
    let first = fingerprint(&s);
    s.connections.push(connection("b", Nulls::Send));
    assert_eq!(fingerprint(&s), first);
    s.connections[1].nulls = Nulls::Omit;
    assert_ne!(fingerprint(&s), first);
    let swapped = fingerprint(&SyncSpec {
        connections: vec![connection("a", Nulls::Omit), connection("b", Nulls::Send)],
        ..s.clone()
    });
    assert_ne!(swapped, fingerprint(&s));
    s.connections.pop();
    assert_eq!(fingerprint(&SyncSpec { lookback: Duration::from_secs(9), ..s.clone() }), first);
    s.query.push(' ');
    assert_ne!(fingerprint(&s), first);
    let event = SyncSpec { call_type: CallType::Track, ..s };
    let raised = SyncSpec { lookback: Duration::from_secs(300), ..event.clone() };
    assert_eq!(fingerprint(&raised), fingerprint(&event), "nor is another lookback");
    // Earlier versions took it in, and had a second by default.
    let before = fingerprint_with(&event, Some(1));
    assert!(is_comparable(&event, &before) && is_comparable(&raised, &before));
    assert!(!is_comparable(&raised, &fingerprint_with(&event, Some(7))));
}

/// Our clock and the uptime, in seconds.
fn up(wall: i64, uptime: i64) -> Reading {
    let uptime = Uptime { boot: "b".into(), us: uptime * 1_000_000 };
    Reading { wall_us: wall * 1_000_000, uptime: Some(uptime) }
}

/// A run that starts when the warehouse's clock, ours and the uptime say this.
fn run_at(warehouse: i64, own: i64, uptime: i64) -> Clocks {
    let own = up(own, uptime);
    Clocks {
        // Not a whole second.
        warehouse: at(warehouse * 1_000_000 + 1),
        place: "here".into(),
        own: [own.clone(), own],
        open: OpenTransactions::default(),
        first: None,
        earlier: Some("5".into()),
    }
}

/// The starts of runs one after the other.
fn starts(spec: &SyncSpec, runs: &[(i64, i64, i64)]) -> Vec<String> {
    let (mut state, mut starts) = (SyncState::default(), Vec::new());
    for (number, (warehouse, own, uptime)) in (1..).zip(runs) {
        let clocks = run_at(*warehouse, *own, *uptime);
        let used = start_value(spec, &state, &RunOptions::default(), &clocks);
        starts.push(text(&used));
        state = moved(spec, &state, None, &used, &clocks, RunId(number), Elapsed::Measured(0));
    }
    starts
}

#[test]
fn both_clocks_ahead_and_then_right_pass_over_nothing() {
    let hour = 3_600;
    // Ahead in the first run, right three seconds later.
    assert_eq!(starts(&spec(), &[(10_000 + hour, 10_000 + hour, 50), (10_003, 10_003, 53)]), ["0", "9999"]);
    // The right time passes the wrong one before the next run.
    let later = [(10_000 + hour, 10_000 + hour, 50), (10_000 + 2 * hour, 10_000 + 2 * hour, 50 + 2 * hour)];
    assert_eq!(starts(&spec(), &later), ["0", "9999"]);
    // Ahead for several runs, by years.
    let years = 40 * 365 * 86_400;
    let long =
        [(10_000, 10_000, 50), (10_060 + years, 10_060 + years, 110), (10_120 + years, 10_120 + years, 170)];
    let right = (10_180, 10_180, 230);
    assert_eq!(starts(&spec(), &[&long[..], &[right]].concat())[3], "10119");
    // How much time has passed is unknown: the machine has restarted.
    let clocks = Clocks { own: [wall(10_003_000_000), wall(10_003_000_000)], ..run_at(10_003, 0, 0) };
    let state = moved(
        &spec(),
        &SyncState::default(),
        None,
        &LastSyncTime::Seconds(0),
        &run_at(13_600, 13_600, 50),
        RunId(1),
        Elapsed::Measured(0),
    );
    assert_eq!(text(&start_value(&spec(), &state, &RunOptions::default(), &clocks)), "5", "an earlier run's");
    let none = Clocks { earlier: None, ..clocks };
    assert_eq!(text(&start_value(&spec(), &state, &RunOptions::default(), &none)), "0", "the beginning");
    assert!(note(&spec(), &state, &none).is_some());
}

#[test]
fn after_a_leap_ahead_runs_begin_where_open_transactions_may_have_stamped() {
    let s = SyncSpec { lookback: Duration::from_secs(100), ..spec() };
    let day = 86_400;
    // The leap is between the first two; a minute passes from run to run.
    let runs: Vec<_> =
        (0..5).map(|n| (10_000 + n * 60 + if n > 0 { day } else { 0 }, 10_000, 50 + n * 60)).collect();
    let starts = starts(&s, &runs);
    assert_eq!(starts[..2], ["0", "9900"]);
    assert_eq!(starts[2..4], ["9960", "9960"], "for as long as the lookback");
    assert_eq!(starts[4], (10_000 + 3 * 60 + day - 100).to_string());
}

#[test]
fn a_cursor_ahead_of_the_clock_gives_way_to_an_earlier_run() {
    let s = SyncSpec { cursor: Some("updated".into()), ..spec() };
    let cursor = |value: &str| SyncState {
        cursor: Some(Cursor { value: value.into(), ..Cursor::default() }),
        ..started_at(5_000_000)
    };
    let start = |state: &SyncState| {
        text(&start_value(&s, state, &RunOptions::default(), &run_at(1_700_000_000, 0, 0)))
    };
    assert_eq!(start(&cursor("2023-11-14 22:13:00")), "1699999979");
    assert_eq!(start(&cursor("2063-11-14 22:13:00")), "5", "it was recorded by a clock that was ahead");
    assert_eq!(start(&cursor("2900000000")), "2899999999", "a number may be anything");
}
