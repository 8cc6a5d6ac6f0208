//! Where a run's query begins: the arithmetic of `last_sync_time`.
//!
//! What always holds: the value is never ahead of what an earlier run has made durable, less the
//! lookback, and is never below 0. A time is worth something only by the clock that it was read
//! from: when that clock is another one, or was set back, the value is carried over by way of our
//! own.

use outflow_core::ports::state::{BaselineRun, Cursor, SyncState, Watermark};
use outflow_core::ports::warehouse::{Session, Warehouse};
use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{CallType, Clock, FirstRun, Nulls, Result, RunId, SyncSpec, Timestamp, hash};
use outflow_query::LastSyncTime;

use crate::extract::cursor::CursorValue;

/// The clocks at the start of a run.
pub(crate) struct Clocks {
    /// The warehouse's.
    pub warehouse: Timestamp,
    /// Whose that is.
    pub place: String,
    /// Ours, just before and just after.
    pub own: [Timestamp; 2],
    /// The warehouse's when this run was first tried, if it was tried before.
    pub first: Option<Timestamp>,
}

impl Clocks {
    /// Opens a session and reads the clocks, the warehouse's in its own statement.
    pub async fn read(warehouse: &dyn Warehouse, own: &dyn Clock) -> Result<(Box<dyn Session>, Self)> {
        let mut session = warehouse.connect().await?;
        let before = own.now();
        let clock = session.clock().await?;
        let own = [before, own.now()];
        Ok((session, Self { warehouse: clock, place: warehouse.source_id(), own, first: None }))
    }
}

/// The value of `{{last_sync_time}}` in a run that starts at these clocks.
pub(crate) fn start_value(
    spec: &SyncSpec,
    state: &SyncState,
    options: &RunOptions,
    clocks: &Clocks,
) -> LastSyncTime {
    let seconds = |us: i64| LastSyncTime::Seconds(floor_seconds(us).max(0));
    match &options.kind {
        RunKind::Incremental => {}
        RunKind::Full => return LastSyncTime::Seconds(0),
        RunKind::Since { at } => return seconds(at.as_microsecond()),
        RunKind::Backfill { start, .. } => return given(start),
        RunKind::Replay(replay) => {
            if let Some(start) = &replay.start {
                return given(start);
            }
        }
    }
    if let Some(value) = cursor(spec, state) {
        return value.less(lookback(spec));
    }
    if spec.cursor.is_none()
        && let Some(before) = &state.watermark
    {
        let carried = carried_over(state, clocks);
        let start = floor_seconds(carried.unwrap_or(before.clock_us)).saturating_sub_unsigned(lookback(spec));
        let first = before.first_us.filter(|_| carried.is_none()).map_or(0, floor_seconds);
        return LastSyncTime::Seconds(start.max(first).max(0));
    }
    seconds(match spec.first_run {
        FirstRun::Beginning => 0,
        FirstRun::Now => clocks.first.unwrap_or(clocks.warehouse).as_microsecond(),
        FirstRun::At(t) => t.as_microsecond(),
    })
}

/// The sync's state when a run is committed that began at `used`.
pub(crate) fn moved(
    spec: &SyncSpec,
    before: &SyncState,
    seen: Option<CursorValue>,
    used: &LastSyncTime,
    clocks: &Clocks,
    run: RunId,
) -> SyncState {
    SyncState {
        watermark: Some(Watermark {
            clock_us: clocks.warehouse.as_microsecond(),
            clock_of: Some(clocks.place.clone()),
            local_clock_us: Some(clocks.own[0].as_microsecond()),
            first_us: first(spec, before, clocks),
        }),
        cursor: next_cursor(spec, before, seen, used, clocks)
            .map(|value| Cursor { value, column: spec.cursor.clone() }),
        baseline: Some(BaselineRun { run, fingerprint: Some(fingerprint(spec)) }),
    }
}

/// Where the first run began, by the clock that the state is to have.
fn first(spec: &SyncSpec, before: &SyncState, clocks: &Clocks) -> Option<i64> {
    if let Some(watermark) = &before.watermark {
        return watermark.first_us.filter(|_| carried_over(before, clocks).is_none());
    }
    match spec.first_run {
        FirstRun::Beginning => None,
        FirstRun::Now => Some(clocks.first.unwrap_or(clocks.warehouse).as_microsecond()),
        FirstRun::At(t) => Some(t.as_microsecond()),
    }
}

/// The previous run's start by the clock that stamps rows now, in Unix microseconds, if that is not
/// the clock that it was read from: another database's, or one that was set back. Never later than
/// what the state has.
fn carried_over(state: &SyncState, clocks: &Clocks) -> Option<i64> {
    let state = state.watermark.as_ref()?;
    let (before, now) = (state.clock_us, clocks.warehouse.as_microsecond());
    let same = state.clock_of.as_ref().is_none_or(|of| *of == clocks.place);
    if same && before <= now {
        return None;
    }
    // Ours was read before the warehouse's then, and is read after it now: what has passed is not
    // less than this, unless ours was set back as well.
    let passed = state.local_clock_us.map_or(0, |own| (clocks.own[1].as_microsecond() - own).max(0));
    Some(before.min(now.saturating_sub(passed)))
}

/// Notices about where the run begins.
pub(crate) fn note(spec: &SyncSpec, state: &SyncState, clocks: &Clocks) -> Option<String> {
    let clock_of = state.watermark.as_ref().and_then(|watermark| watermark.clock_of.as_ref());
    let elsewhere = clock_of.is_some_and(|of| *of != clocks.place);
    if spec.cursor.is_some() {
        let kept = elsewhere && cursor(spec, state).is_some();
        return kept.then(|| {
            "the sync reads another database than before; its cursor goes on from where it was".to_owned()
        });
    }
    let carried = carried_over(state, clocks)?;
    let why = if elsewhere {
        "the sync reads another database than before"
    } else {
        "the database's clock was set back"
    };
    let from = Timestamp::from_microsecond(carried).ok()?;
    Some(format!("{why}: last_sync_time is carried over to its clock ({from})"))
}

/// A value that an earlier run has had, from its text. What is too large for seconds was the number
/// of a cursor column.
fn given(text: &str) -> LastSyncTime {
    match text.parse::<i64>() {
        Ok(seconds) if seconds < 100_000_000_000 => LastSyncTime::Seconds(seconds.max(0)),
        _ => LastSyncTime::Number(text.to_owned()),
    }
}

/// The cursor that the sync's state keeps after a run: the largest value that any run has seen, or
/// where the first run began if none has seen one.
///
/// A time is not kept beyond the clock: one row of the year 9999 would hide all that come after it.
fn next_cursor(
    spec: &SyncSpec,
    state: &SyncState,
    seen: Option<CursorValue>,
    used: &LastSyncTime,
    clocks: &Clocks,
) -> Option<String> {
    spec.cursor.as_ref()?;
    match cursor(spec, state).max(seen) {
        None => Some(text(used)),
        Some(value) => Some(value.not_after(clocks.warehouse).to_string()),
    }
}

/// The cursor that the state has for the sync's column.
fn cursor(spec: &SyncSpec, state: &SyncState) -> Option<CursorValue> {
    let column = spec.cursor.as_ref()?;
    let cursor = state.cursor.as_ref()?;
    let same = cursor.column.as_ref().is_none_or(|of| of.eq_ignore_ascii_case(column));
    Some(&cursor.value).filter(|_| same).and_then(|value| CursorValue::parse(value))
}

/// The earlier one of two starts. What cannot be compared is read from the beginning.
pub(crate) fn earlier(one: LastSyncTime, another: LastSyncTime) -> LastSyncTime {
    match (CursorValue::parse(&text(&one)), CursorValue::parse(&text(&another))) {
        (Some(a), Some(b)) => {
            if a <= b {
                one
            } else {
                another
            }
        }
        _ => LastSyncTime::Seconds(0),
    }
}

/// The value as documents and the state contain it.
pub(crate) fn text(value: &LastSyncTime) -> String {
    match value {
        LastSyncTime::Seconds(s) => s.to_string(),
        LastSyncTime::Number(n) => n.clone(),
    }
}

/// Whether each row is something that happened, and not how something is: the same call made again
/// is then another event.
pub(crate) fn is_event(call_type: CallType) -> bool {
    matches!(call_type, CallType::Track | CallType::Page | CallType::Screen)
}

/// What a sync's contents depend on: when this changes, a run is compared with no earlier one.
pub(crate) fn fingerprint(spec: &SyncSpec) -> String {
    let omit = spec.connections.iter().filter(|c| c.nulls == Nulls::Omit);
    let mut omit: Vec<_> = omit.map(|c| c.destination.as_str()).collect();
    omit.sort_unstable();
    // Of events, only what this lookback reads again is kept.
    let lookback = (spec.cursor.is_none() && is_event(spec.call_type)).then(|| lookback(spec));
    let text = format!("{}\0{}\0{:?}\0{omit:?}\0{lookback:?}", spec.call_type, spec.query, spec.cursor);
    format!("{:032x}", hash::content(text.as_bytes()))
}

/// In whole seconds, rounded up.
fn lookback(spec: &SyncSpec) -> u64 {
    spec.lookback.as_secs().saturating_add(u64::from(spec.lookback.subsec_nanos() > 0))
}

fn floor_seconds(us: i64) -> i64 {
    us.div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use outflow_core::Dialect;
    use outflow_core::sync::Schedule;

    use super::*;

    fn spec() -> SyncSpec {
        SyncSpec {
            name: "users".into(),
            description: String::new(),
            source: "s".into(),
            database: "main".into(),
            dialect: Dialect::Postgres,
            call_type: CallType::Identify,
            query: "SELECT 1".into(),
            schedule: Schedule::Manual,
            connections: vec![],
            lookback: Duration::from_secs(1),
            cursor: None,
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

    fn clocks(us: i64) -> Clocks {
        Clocks { warehouse: at(us), place: "here".into(), own: [at(us), at(us + 1_000)], first: None }
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
        let cursor = Cursor { value: "1700000000".into(), column: None };
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
            cursor: Some(Cursor { value: "1800000000".into(), column: Some(of.into()) }),
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
                own: [at(0), at(own * 1_000_000)],
                first: None,
            };
            (
                text(&start_value(&s, state, &RunOptions::default(), &clocks)),
                note(&s, state, &clocks).is_some(),
            )
        };
        let told = |value: &str, note| (value.to_owned(), note);
        assert_eq!(start(&state(Some("here")), 1_060, 5_060), told("999", false));
        assert_eq!(start(&state(None), 1_060, 5_060), told("999", false));
        assert_eq!(start(&state(Some("here")), 700, 5_060), told("639", true), "set back by six minutes");
        assert_eq!(start(&state(Some("there")), 700, 5_060), told("639", true));
        assert_eq!(start(&state(Some("there")), 1_030, 5_060), told("969", true), "thirty seconds behind");
        assert_eq!(start(&state(Some("there")), 2_000, 5_060), told("999", true), "ahead: never forward");
        assert_eq!(start(&state(Some("here")), 700, 4_000), told("699", true), "both were set back");
        let mut unknown = state(Some("there"));
        unknown.watermark.as_mut().unwrap().local_clock_us = None;
        assert_eq!(start(&unknown, 700, 5_060), told("699", true));
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
        assert_ne!(
            fingerprint(&SyncSpec { lookback: Duration::from_secs(9), ..event.clone() }),
            fingerprint(&event)
        );
    }
}
