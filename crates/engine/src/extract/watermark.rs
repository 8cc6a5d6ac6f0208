//! Where a run's query begins: the arithmetic of `last_sync_time`.
//!
//! What always holds: the value is never ahead of what an earlier run has made durable, less the
//! lookback, and is never below 0. A time is worth something only by the clock that it was read
//! from: when that clock is another one, or was set back, the value is carried over by the time
//! that has passed ([`crate::clock`]), or is that of an earlier run where that is unknown.

use std::time::Duration;

use outflow_core::ports::state::{BaselineRun, Cursor, StateReader, SyncState, Watermark};
use outflow_core::ports::warehouse::{Session, Warehouse};
use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{CallType, Clock, FirstRun, Nulls, Result, RunId, SyncSpec, Timestamp, hash};
use outflow_query::LastSyncTime;

use crate::clock::{self, Begin, Elapsed, Pair, Reading};
use crate::extract::cursor::CursorValue;

/// The clocks at the start of a run.
pub(crate) struct Clocks {
    /// The warehouse's.
    pub warehouse: Timestamp,
    /// Whose that is.
    pub place: String,
    /// Ours, just before and just after.
    pub own: [Reading; 2],
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
        Ok(Self { warehouse: clock, place: warehouse.source_id(), own, first: None, earlier: None })
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
            first: self.first,
        }
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
        return value.less(lookback(spec));
    }
    if spec.cursor.is_none()
        && let Some(before) = &state.watermark
    {
        let carried = carried_over(state, clocks);
        let begin = before.begin_us.map_or(before.clock_us, |begin| begin.min(before.clock_us));
        let begin = carried.map_or(begin, |carried| begin.min(carried));
        let start = floor_seconds(begin).saturating_sub_unsigned(lookback(spec));
        let first = before.first_us.filter(|_| carried.is_none()).map_or(0, floor_seconds);
        return LastSyncTime::Seconds(start.max(first).max(0));
    }
    from_the_first(spec, state, clocks)
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
) -> SyncState {
    let (begin_us, begin_for_us) = begin(spec, before, clocks).unzip();
    SyncState {
        watermark: Some(Watermark {
            clock_us: clocks.warehouse.as_microsecond(),
            clock_of: Some(clocks.place.clone()),
            local_clock_us: Some(clocks.own[0].wall_us),
            uptime: clocks.own[0].uptime.clone(),
            begin_us,
            begin_for_us,
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
mod tests;
