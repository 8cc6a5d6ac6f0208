//! Where a run's query begins: the arithmetic of `last_sync_time`.
//!
//! What always holds: the value is what the run before stored ([`super::next_start`]), or earlier,
//! and never below 0. A time is worth something only by the clock that it was read
//! from: when that clock is another one, or was set back, the value is carried over by the time
//! that has passed ([`crate::clock`]), or is that of an earlier run where that is unknown.

use std::time::Duration;

use outflow_core::ports::state::{BaselineRun, Cursor, StateReader, SyncState, Watermark};
use outflow_core::ports::warehouse::{OpenTransactions, Session, Warehouse};
use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{CallType, Clock, FirstRun, Nulls, Result, RunId, SyncSpec, Timestamp, hash};
use outflow_query::LastSyncTime;

use crate::clock::{self, Begin, Elapsed, Pair, Reading};
use crate::extract::cursor::CursorValue;
pub(crate) use crate::extract::cursor::text;
use crate::extract::next_start::{self, Reach};

/// The clocks at the start of a run.
pub(crate) struct Clocks {
    /// The warehouse's.
    pub warehouse: Timestamp,
    /// Whose that is.
    pub place: String,
    /// Ours, just before and just after.
    pub own: [Reading; 2],
    /// The transactions that were open just after, if they were asked for.
    pub open: OpenTransactions,
    /// The warehouse's when this run was first tried, if it was tried before.
    pub first: Option<Timestamp>,
    /// Where an earlier run began whose clock is not ahead of now. It counts where the previous
    /// run's does not.
    pub earlier: Option<String>,
}

/// A clock that took longer to read is read once more: the time of an answer is that uncertain.
const SLOW: Duration = Duration::from_millis(200);
/// This many earlier runs are looked at. All but a few of a sync's runs are incremental.
const EARLIER: u64 = 200;

impl Clocks {
    /// Opens a session and reads the clocks, the warehouse's in its own statement.
    pub async fn read(warehouse: &dyn Warehouse, own: &dyn Clock) -> Result<(Box<dyn Session>, Self)> {
        let mut session = warehouse.connect().await?;
        let mut clocks = Self::read_once(&mut *session, warehouse, own).await?;
        if clocks.latency_us() > SLOW.as_micros() as i64 {
            let again = Self::read_once(&mut *session, warehouse, own).await?;
            if again.latency_us() < clocks.latency_us() {
                clocks = again;
            }
        }
        Ok((session, clocks))
    }

    async fn read_once(
        session: &mut dyn Session,
        warehouse: &dyn Warehouse,
        own: &dyn Clock,
    ) -> Result<Self> {
        let before = Reading::of(own);
        let clock = session.clock().await?;
        let own = [before, Reading::of(own)];
        let (open, first, earlier) = Default::default();
        Ok(Self { warehouse: clock, place: warehouse.source_id(), own, open, first, earlier })
    }

    /// Opens a session, reads the clocks, and asks which transactions are open: in this order, so
    /// that a transaction that is neither listed nor in the snapshot that follows began after the
    /// clock was read.
    ///
    /// # Errors
    /// Those of the warehouse; not that it does not tell.
    pub async fn read_with_open(
        warehouse: &dyn Warehouse,
        own: &dyn Clock,
    ) -> Result<(Box<dyn Session>, Self)> {
        let (mut session, mut clocks) = Self::read(warehouse, own).await?;
        clocks.open = session.open_transactions().await?;
        Ok((session, clocks))
    }

    /// Finds where an earlier run began, if the previous one's start is worth nothing.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn look_back(
        &mut self,
        state: &dyn StateReader,
        spec: &SyncSpec,
        before: &SyncState,
    ) -> Result<()> {
        let Some(bound) = unclear(spec, before, self) else { return Ok(()) };
        let bound = Timestamp::from_microsecond(bound).unwrap_or(self.warehouse);
        let runs = state.runs_begun_by(&spec.name, bound, EARLIER).await?;
        let run = runs.into_iter().find(|run| run.spec.options.is_incremental());
        self.earlier = run.and_then(|run| run.last_sync_time);
        Ok(())
    }

    /// The same as if no time had passed while they were read: what the state will have of them.
    pub fn at_start(&self) -> Self {
        let [start, _] = &self.own;
        Self {
            place: self.place.clone(),
            own: [start.clone(), start.clone()],
            earlier: None,
            warehouse: self.warehouse,
            open: self.open,
            first: self.first,
        }
    }

    /// How much time has passed since they were read.
    pub fn passed(&self, own: &dyn Clock) -> Elapsed {
        Elapsed::between(&self.own[0], &Reading::of(own))
    }

    fn latency_us(&self) -> i64 {
        Elapsed::between(&self.own[0], &self.own[1]).at_least().as_micros() as i64
    }

    /// The warehouse's clock at the previous run, and now.
    fn since(&self, before: &Watermark) -> Pair {
        let then = before.local_clock_us.map(|wall_us| Reading { wall_us, uptime: before.uptime.clone() });
        Pair {
            then_us: before.clock_us,
            now_us: self.warehouse.as_microsecond(),
            same: before.clock_of.as_ref().is_none_or(|of| *of == self.place),
            // Ours was read before the warehouse's then, and is read after it now: what has passed
            // is not more than this.
            passed: then.map_or(Elapsed::Unknown, |then| Elapsed::between(&then, &self.own[1])),
            latency_us: self.latency_us(),
        }
    }
}

/// Up to which time an earlier run has to have begun, where the previous one's start is worth
/// nothing: how much time has passed since is unknown, or a cursor is ahead of the clock.
fn unclear(spec: &SyncSpec, state: &SyncState, clocks: &Clocks) -> Option<i64> {
    let now = clocks.warehouse;
    if spec.cursor.is_some() {
        return cursor(spec, state).filter(|value| value.is_after(now)).map(|_| now.as_microsecond());
    }
    match clocks.since(state.watermark.as_ref()?).begin() {
        Begin::Unclear(bound) => Some(bound),
        Begin::Stands | Begin::Carried(_) => None,
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
    if unclear(spec, state, clocks).is_some() {
        return clocks.earlier.as_deref().map_or_else(|| from_the_first(spec, state, clocks), given);
    }
    if let Some(value) = cursor(spec, state) {
        let stored = state.cursor.as_ref().and_then(|cursor| cursor.next.as_deref());
        return stored.and_then(|next| value.given(next)).unwrap_or_else(|| value.less(lookback(spec)));
    }
    if spec.cursor.is_none()
        && let Some(before) = &state.watermark
    {
        let carried = carried_over(state, clocks);
        let base = counted_from(before);
        let start = match before.next_us {
            // As far before the same moment by the clock that stamps rows now.
            Some(next) => floor_seconds(
                carried.map_or(next, |carried| next.min(carried.saturating_sub(base.saturating_sub(next)))),
            ),
            None => {
                let begin = carried.map_or(base, |carried| base.min(carried));
                floor_seconds(begin).saturating_sub_unsigned(lookback(spec))
            }
        };
        let first = before.first_us.filter(|_| carried.is_none()).map_or(0, floor_seconds);
        return LastSyncTime::Seconds(start.max(first).max(0));
    }
    from_the_first(spec, state, clocks)
}

/// The moment that a run's successor was planned from.
fn counted_from(watermark: &Watermark) -> i64 {
    watermark.begin_us.map_or(watermark.clock_us, |begin| begin.min(watermark.clock_us))
}

/// Adds what an older version did not store of the next run's start: what it planned then, and the
/// run's record has. So an upgrade reads nothing again that was not kept for the comparison.
///
/// # Errors
/// Those of the state.
pub(crate) async fn complete(mut sync: SyncState, state: &dyn StateReader) -> Result<SyncState> {
    let Some(baseline) = &sync.baseline else { return Ok(sync) };
    let misses = sync.watermark.as_ref().is_some_and(|watermark| watermark.next_us.is_none())
        || sync.cursor.as_ref().is_some_and(|cursor| cursor.next.is_none());
    if !misses {
        return Ok(sync);
    }
    let run = state.run(baseline.run).await?;
    let Some(planned) = run.and_then(|run| run.next_last_sync_time) else { return Ok(sync) };
    match (&mut sync.cursor, &mut sync.watermark) {
        (Some(cursor), _) if cursor.next.is_none() => cursor.next = Some(planned),
        (None, Some(watermark)) => {
            watermark.next_us = planned.parse::<i64>().ok().map(|seconds| seconds.saturating_mul(1_000_000));
        }
        _ => {}
    }
    Ok(sync)
}

/// Where a first run begins. What it was for `first_run: now` is not later than what the clock says
/// now.
fn from_the_first(spec: &SyncSpec, state: &SyncState, clocks: &Clocks) -> LastSyncTime {
    let first = state.watermark.as_ref().and_then(|watermark| watermark.first_us);
    let us = match spec.first_run {
        FirstRun::Beginning => 0,
        FirstRun::Now => {
            let now = clocks.warehouse.as_microsecond();
            first.or(clocks.first.map(Timestamp::as_microsecond)).map_or(now, |first| first.min(now))
        }
        FirstRun::At(t) => t.as_microsecond(),
    };
    LastSyncTime::Seconds(floor_seconds(us).max(0))
}

/// The sync's state when a run is committed that began at `used`.
pub(crate) fn moved(
    spec: &SyncSpec,
    before: &SyncState,
    seen: Option<CursorValue>,
    used: &LastSyncTime,
    clocks: &Clocks,
    run: RunId,
    took: Elapsed,
) -> SyncState {
    let (begin_us, begin_for_us) = begin(spec, before, clocks).unzip();
    let clock_us = clocks.warehouse.as_microsecond();
    let base_us = begin_us.map_or(clock_us, |begin: i64| begin.min(clock_us));
    let reach = next_start::reach(spec, base_us, &clocks.open);
    let (next_us, mut open_us) = reach.by_clock(used);
    if spec.cursor.is_some() {
        open_us = reach.given_up(reach.from_us);
    }
    SyncState {
        watermark: Some(Watermark {
            clock_us,
            clock_of: Some(clocks.place.clone()),
            local_clock_us: Some(clocks.own[0].wall_us),
            uptime: clocks.own[0].uptime.clone(),
            begin_us,
            begin_for_us,
            first_us: first(spec, before, clocks),
            next_us: Some(next_us).filter(|_| spec.cursor.is_none()),
            open_us,
        }),
        cursor: next_cursor(spec, before, seen, used, clocks)
            .map(|value| kept_cursor(spec, before, value, used, clocks, &reach, took)),
        baseline: Some(BaselineRun { run, fingerprint: Some(fingerprint(spec)) }),
    }
}

/// What the state keeps of a cursor with that largest value.
fn kept_cursor(
    spec: &SyncSpec,
    before: &SyncState,
    value: String,
    used: &LastSyncTime,
    clocks: &Clocks,
    reach: &Reach,
    took: Elapsed,
) -> Cursor {
    let column = spec.cursor.clone();
    let Some(largest) = CursorValue::parse(&value) else {
        return Cursor { value, column, ..Cursor::default() };
    };
    let earlier = before.cursor.as_ref().filter(|_| cursor(spec, before).is_some());
    let now = clocks.warehouse.as_microsecond();
    let read_at = match took {
        Elapsed::Measured(us) | Elapsed::Assumed(us) => Some(now.saturating_add(us)),
        Elapsed::Unknown => None,
    };
    let leapt = before.watermark.as_ref().and_then(|before| clocks.since(before).leapt_us());
    let history = reach.history(earlier, &largest, read_at, leapt.unwrap_or_default());
    let next = reach.by_cursor(spec, &largest, &history, used, clocks.warehouse);
    Cursor { value, column, next: Some(text(&next)), history }
}

/// Where the first run began, by the clock that the state is to have.
fn first(spec: &SyncSpec, before: &SyncState, clocks: &Clocks) -> Option<i64> {
    if let Some(watermark) = &before.watermark {
        let begin = clocks.since(watermark).begin();
        return watermark.first_us.filter(|_| begin == Begin::Stands);
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
    match clocks.since(state.watermark.as_ref()?).begin() {
        Begin::Carried(us) => Some(us),
        Begin::Stands | Begin::Unclear(_) => None,
    }
}

/// Where later runs begin, if not where this one did, and for how long: after a leap ahead, where
/// the clock would be without it.
///
/// Transactions that are open now may have stamped their rows before the leap, and the clock may be
/// set right before the next run. As long as the lookback allows for such transactions, runs begin
/// there.
fn begin(spec: &SyncSpec, before: &SyncState, clocks: &Clocks) -> Option<(i64, i64)> {
    let before = before.watermark.as_ref()?;
    let pair = clocks.since(before);
    let passed = pair.passed.at_least().as_micros() as i64;
    let left = before.begin_for_us.map(|left| left.saturating_sub(passed)).filter(|left| *left > 0);
    let kept = before.begin_us.zip(left);
    let lookback = i64::try_from(spec.lookback.as_micros()).unwrap_or(i64::MAX);
    let leapt = pair.leapt_us().map(|ahead| (pair.now_us.saturating_sub(ahead), lookback));
    match (kept, leapt) {
        (Some(kept), Some(leapt)) => Some((kept.0.min(leapt.0), lookback)),
        (kept, leapt) => leapt.or(kept),
    }
}

/// Notices about where the run begins.
pub(crate) fn note(spec: &SyncSpec, state: &SyncState, clocks: &Clocks) -> Option<String> {
    let clock_of = state.watermark.as_ref().and_then(|watermark| watermark.clock_of.as_ref());
    let elsewhere = clock_of.is_some_and(|of| *of != clocks.place);
    if unclear(spec, state, clocks).is_some() {
        return Some(format!(
            "clocks were ahead or are another's, and nothing tells how much time has passed: the run begins where {}",
            if clocks.earlier.is_some() { "an earlier one did" } else { "the first one did" }
        ));
    }
    if spec.cursor.is_some() {
        let kept = elsewhere && cursor(spec, state).is_some();
        return kept.then(|| {
            "the sync reads another database than before; its cursor goes on from where it was".to_owned()
        });
    }
    if let Some(ahead) = state.watermark.as_ref().and_then(|before| clocks.since(before).leapt_us())
        && ahead > clock::BOUND.as_micros() as i64
    {
        return Some(format!(
            "the database's clock leapt ahead by {} since the last run",
            clock::span(ahead)
        ));
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
pub(crate) fn given(text: &str) -> LastSyncTime {
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
pub(crate) fn cursor(spec: &SyncSpec, state: &SyncState) -> Option<CursorValue> {
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

/// Whether each row is something that happened, and not how something is: the same call made again
/// is then another event.
pub(crate) fn is_event(call_type: CallType) -> bool {
    call_type.is_event()
}

/// What a sync's contents depend on: when this changes, a run is compared with no earlier one.
pub(crate) fn fingerprint(spec: &SyncSpec) -> String {
    fingerprint_with(spec, None)
}

/// Whether a run of this sync may be compared with one that left this fingerprint.
pub(crate) fn is_comparable(spec: &SyncSpec, left: &str) -> bool {
    // Earlier versions added the lookback of events by the clock, whose default was a second.
    let earlier = [lookback(spec), 1].map(Some);
    left == fingerprint(spec)
        || (spec.cursor.is_none() && is_event(spec.call_type))
            && earlier.iter().any(|lookback| left == fingerprint_with(spec, *lookback))
}

fn fingerprint_with(spec: &SyncSpec, lookback: Option<u64>) -> String {
    let omit = spec.connections.iter().filter(|c| c.nulls == Nulls::Omit);
    let mut omit: Vec<_> = omit.map(|c| c.destination.as_str()).collect();
    omit.sort_unstable();
    let text = format!("{}\0{}\0{:?}\0{omit:?}\0{lookback:?}", spec.call_type, spec.query, spec.cursor);
    format!("{:032x}", hash::content(text.as_bytes()))
}

/// In whole seconds, rounded up.
fn lookback(spec: &SyncSpec) -> u64 {
    next_start::whole(spec.lookback).as_secs()
}

fn floor_seconds(us: i64) -> i64 {
    us.div_euclid(1_000_000)
}

#[cfg(test)]
pub(crate) mod tests;
