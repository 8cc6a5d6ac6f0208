//! Where a run's query begins: the arithmetic of `last_sync_time`.
//!
//! What always holds: the value never lies ahead of what an earlier run has put in safe keeping, less the lookback, and is never below 0.

use outflow_core::ports::state::SyncState;
use outflow_core::run::RunOptions;
use outflow_core::{FirstRun, Nulls, SyncSpec, Timestamp, hash};
use outflow_query::LastSyncTime;

use crate::cursor::CursorValue;

/// The value of `{{last_sync_time}}` in a run that starts when the warehouse's clock says `clock`.
pub(crate) fn start_value(
    spec: &SyncSpec,
    state: &SyncState,
    options: &RunOptions,
    clock: Timestamp,
) -> LastSyncTime {
    let lookback = spec.lookback.as_secs() + u64::from(spec.lookback.subsec_nanos() > 0);
    if options.full {
        return LastSyncTime::Seconds(0);
    }
    if let Some(text) = &options.start {
        return given(text);
    }
    if let Some(since) = options.since {
        return LastSyncTime::Seconds(floor_seconds(since.as_microsecond()).max(0));
    }
    if let Some(value) =
        state.cursor.as_deref().filter(|_| spec.cursor.is_some()).and_then(CursorValue::parse)
    {
        return value.less(lookback);
    }
    match (state.clock_us.filter(|_| spec.cursor.is_none()), spec.first_run) {
        (Some(us), _) => LastSyncTime::Seconds((floor_seconds(us) - lookback as i64).max(0)),
        (None, FirstRun::Beginning) => LastSyncTime::Seconds(0),
        (None, FirstRun::Now) => LastSyncTime::Seconds(floor_seconds(clock.as_microsecond()).max(0)),
        (None, FirstRun::At(t)) => LastSyncTime::Seconds(floor_seconds(t.as_microsecond()).max(0)),
    }
}

/// A value that an earlier run has had, from its text. What is too large for seconds was the number of a cursor column.
fn given(text: &str) -> LastSyncTime {
    match text.parse::<i64>() {
        Ok(seconds) if seconds < 100_000_000_000 => LastSyncTime::Seconds(seconds.max(0)),
        _ => LastSyncTime::Number(text.to_owned()),
    }
}

/// The cursor that the sync's state keeps after a run: the largest value that any run has seen, or where the first run began if none has seen one.
pub(crate) fn next_cursor(
    spec: &SyncSpec,
    state: &SyncState,
    seen: Option<CursorValue>,
    used: &LastSyncTime,
) -> Option<String> {
    spec.cursor.as_ref()?;
    let before = state.cursor.as_deref().and_then(CursorValue::parse);
    match (before, seen) {
        (None, None) => Some(text(used)),
        (a, b) => a.max(b).map(|v| v.to_string()),
    }
}

/// The value as it stands in documents and in the state.
pub(crate) fn text(value: &LastSyncTime) -> String {
    match value {
        LastSyncTime::Seconds(s) => s.to_string(),
        LastSyncTime::Number(n) => n.clone(),
    }
}

/// What a sync's contents depend on: when this changes, a run is compared with no earlier one.
pub(crate) fn fingerprint(spec: &SyncSpec) -> String {
    let mut nulls: Vec<_> = spec.connections.iter().map(|c| c.nulls == Nulls::Omit).collect();
    nulls.sort_unstable();
    nulls.dedup();
    let text = format!("{}\0{}\0{:?}\0{nulls:?}", spec.call_type, spec.query, spec.cursor);
    format!("{:032x}", hash::content(text.as_bytes()))
}

fn floor_seconds(us: i64) -> i64 {
    us.div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use outflow_core::sync::Schedule;
    use outflow_core::{CallType, Dialect, RunId};

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

    fn seconds(spec: &SyncSpec, state: &SyncState, options: &RunOptions) -> String {
        text(&start_value(spec, state, options, at(2_000_000_500_000)))
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
        let state = |us| SyncState { clock_us: Some(us), run: Some(RunId(1)), ..SyncState::default() };
        let ordinary = RunOptions::default();
        assert_eq!(seconds(&s, &state(1_000_999_999), &ordinary), "999");
        s.lookback = Duration::from_millis(1_500);
        assert_eq!(seconds(&s, &state(1_000_999_999), &ordinary), "998");
        s.lookback = Duration::from_secs(5_000);
        assert_eq!(seconds(&s, &state(1_000_999_999), &ordinary), "0");
        s.lookback = Duration::ZERO;
        assert_eq!(seconds(&s, &state(1_000_999_999), &ordinary), "1000");
    }

    #[test]
    fn options_win_over_the_state() {
        let state = SyncState { clock_us: Some(9_000_000_000), ..SyncState::default() };
        let full = RunOptions { full: true, ..RunOptions::default() };
        let since = RunOptions { since: Some(at(77_900_000)), ..RunOptions::default() };
        assert_eq!(seconds(&spec(), &state, &full), "0");
        assert_eq!(seconds(&spec(), &state, &since), "77");
    }

    #[test]
    fn a_cursor_takes_the_place_of_the_clock_and_never_goes_back() {
        let s = SyncSpec { cursor: Some("updated".into()), ..spec() };
        let used = LastSyncTime::Seconds(0);
        let none = SyncState { clock_us: Some(5_000_000), ..SyncState::default() };
        assert_eq!(next_cursor(&s, &none, None, &used).as_deref(), Some("0"));
        let state = SyncState { cursor: Some("1700000000".into()), ..none };
        assert_eq!(seconds(&s, &state, &RunOptions::default()), "1699999999");
        let seen = CursorValue::parse("1600000000");
        assert_eq!(next_cursor(&s, &state, seen, &used).as_deref(), Some("1700000000"));
        let seen = CursorValue::parse("1800000000");
        assert_eq!(next_cursor(&s, &state, seen, &used).as_deref(), Some("1800000000"));
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
        s.connections.pop();
        s.query.push(' ');
        assert_ne!(fingerprint(&s), first);
    }
}
