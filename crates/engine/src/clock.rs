//! What to believe of clocks that may be wrong: the one place that compares a stored time with now.
//!
//! Two readings of the uptime tell how much time has passed between them; two readings of a wall
//! clock do not, as it may have been set. So time that passes is measured by the uptime where there
//! is one, and only else assumed from the wall clock. A stored time that lies ahead of now says
//! that a clock was wrong, and never that nothing is due.
//!
//! What always holds: an age is never negative; a clock that leaps does not make what is stored
//! older than it is; nothing here reads a clock or the state.

use std::time::Duration;

use outflow_core::clock::earlier;
use outflow_core::ports::watch::ClockRecord;
use outflow_core::{Clock, Timestamp, Uptime};

/// A time by which two clocks may differ, or one may be moved, without a word: time servers move
/// clocks by less.
pub const BOUND: Duration = Duration::from_secs(60);
/// A clock that has jumped is trusted again when it has stood for this long.
pub const STANDS: Duration = Duration::from_secs(24 * 3600);

/// Clocks differ in their pace by up to this part: what time servers may slew, on both sides.
const PACE: i64 = 2_000;
const SECOND: i64 = 1_000_000;

/// The local clock at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock, in Unix microseconds.
    pub wall_us: i64,
    /// The uptime.
    pub uptime: Option<Uptime>,
}

impl Reading {
    /// Reads a clock.
    pub fn of(clock: &dyn Clock) -> Self {
        Self { wall_us: clock.now().as_microsecond(), uptime: clock.uptime() }
    }

    fn of_record(record: &ClockRecord) -> Self {
        Self { wall_us: record.wall.as_microsecond(), uptime: record.uptime.clone() }
    }
}

/// How much time passed between two readings, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elapsed {
    /// By the uptime, which cannot be set.
    Measured(i64),
    /// By the wall clock alone: it may have been set meanwhile.
    Assumed(i64),
    /// The wall clock was set back, and nothing else tells.
    Unknown,
}

impl Elapsed {
    /// The time from one reading to a later one.
    pub fn between(before: &Reading, now: &Reading) -> Self {
        if let (Some(then), Some(uptime)) = (&before.uptime, &now.uptime)
            && then.boot == uptime.boot
            && then.us <= uptime.us
        {
            return Self::Measured(uptime.us - then.us);
        }
        match now.wall_us.saturating_sub(before.wall_us) {
            passed @ 0.. => Self::Assumed(passed),
            _ => Self::Unknown,
        }
    }

    /// The same where not knowing means that no time has passed.
    pub fn at_least(self) -> Duration {
        match self {
            Self::Measured(us) | Self::Assumed(us) => Duration::from_micros(us.unsigned_abs()),
            Self::Unknown => Duration::ZERO,
        }
    }
}

/// How old a stored time is; `None`: it lies ahead of now, so a clock was wrong.
pub fn age(then: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(then)).ok()
}

/// What the warehouse's clock says about the start of the previous run, by that same clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It has gone on: the next run begins where the previous one did.
    Stands,
    /// It was set back, or is another: what it would have said then, and never later than it said.
    Carried(i64),
    /// It was set back or is another, and how much time has passed is unknown: the next run begins
    /// where a run did that began at or before this time.
    Unclear(i64),
}

/// A warehouse's clock at the previous run and now, in Unix microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// What it said then.
    pub then_us: i64,
    /// What it says now.
    pub now_us: i64,
    /// Whether that is one clock.
    pub same: bool,
    /// The time that passed meanwhile, at least.
    pub passed: Elapsed,
    /// How long it takes to read it.
    pub latency_us: i64,
}

impl Pair {
    /// From where the next run has to read.
    ///
    /// Rows that were stamped since then bear no earlier time than what the clock, going at its
    /// present rate, would have said then. So it is enough to know how much time has passed.
    pub fn begin(&self) -> Begin {
        let Self { then_us, now_us, same, passed, .. } = *self;
        let moved = now_us.saturating_sub(then_us);
        match passed {
            Elapsed::Measured(us) if same && moved.saturating_add(self.slack(us)) >= us => Begin::Stands,
            Elapsed::Assumed(us) if same && moved.saturating_add(self.slack(us)) >= us => Begin::Stands,
            // Either this clock was set back or ours leapt ahead. The previous run's window is
            // read again: less could miss rows, more could be years.
            Elapsed::Assumed(_) if same && moved >= 0 => Begin::Unclear(then_us),
            Elapsed::Measured(us) | Elapsed::Assumed(us) => {
                Begin::Carried(then_us.min(now_us.saturating_sub(us)))
            }
            // Ours was set back, which says nothing about this one.
            Elapsed::Unknown if same && moved >= 0 => Begin::Stands,
            Elapsed::Unknown => Begin::Unclear(then_us.min(now_us)),
        }
    }

    /// How far the clock has leapt ahead since the previous run, in microseconds, if it has.
    pub fn leapt_us(&self) -> Option<i64> {
        let Elapsed::Measured(us) = self.passed else { return None };
        let ahead = self.now_us.saturating_sub(self.then_us).saturating_sub(us);
        (self.same && ahead > self.slack(us)).then_some(ahead)
    }

    /// By how much two clocks that stand may seem to differ after this time: their pace, what it
    /// takes to read one, and one that tells whole seconds.
    fn slack(&self, passed_us: i64) -> i64 {
        let whole = |us: i64| if us.rem_euclid(SECOND) == 0 { SECOND } else { 0 };
        let rounding = whole(self.now_us).max(whole(self.then_us));
        rounding + SECOND / 10 + passed_us / PACE + self.latency_us.clamp(0, SECOND) * 2
    }
}

/// How far the wall clock has moved beyond the time that passed, if that is more than [`BOUND`], in
/// microseconds; and whether that was measured.
fn jump(before: &Reading, now: &Reading) -> Option<(i64, bool)> {
    let moved = now.wall_us.saturating_sub(before.wall_us);
    let bound = BOUND.as_micros() as i64;
    match Elapsed::between(before, now) {
        Elapsed::Measured(us) => {
            let by = moved.saturating_sub(us);
            (by.saturating_abs() > bound.saturating_add(us / PACE)).then_some((by, true))
        }
        // The machine was off for long, or has another idea of the time now.
        Elapsed::Assumed(us) => (us > STANDS.as_micros() as i64).then_some((us, false)),
        Elapsed::Unknown => (moved < -bound).then_some((moved, true)),
    }
}

/// What is known of the local clock after another look at it, and whether it has just jumped by a
/// measured amount, in microseconds.
pub fn look(before: Option<&ClockRecord>, now: &Reading) -> (ClockRecord, Option<i64>) {
    let wall = Timestamp::from_microsecond(now.wall_us).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut record = ClockRecord {
        wall,
        uptime: now.uptime.clone(),
        jumped_us: 0,
        jumped_at: None,
        measured: false,
        stood_us: 0,
    };
    let Some(before) = before else { return (record, None) };
    let then = Reading::of_record(before);
    let passed = Elapsed::between(&then, now).at_least().as_micros() as i64;
    let stood = before.stood_us.saturating_add(passed);
    if before.jumped_us != 0 && stood < STANDS.as_micros() as i64 {
        (record.jumped_us, record.jumped_at) = (before.jumped_us, before.jumped_at);
        (record.measured, record.stood_us) = (before.measured, stood);
    }
    let jumped = jump(&then, now);
    if let Some((by, measured)) = jumped {
        let sum = record.jumped_us.saturating_add(by);
        // Back where it was, it has nothing more to prove.
        let is_back = sum.saturating_abs() <= 2 * BOUND.as_micros() as i64;
        record.jumped_us = if is_back { 0 } else { sum };
        (record.jumped_at, record.stood_us) = (Some(wall).filter(|_| !is_back), 0);
        record.measured = !is_back && (measured || record.measured);
    }
    (record, jumped.filter(|(_, measured)| *measured).map(|(by, _)| by))
}

/// How long ago the clock was recorded.
pub fn passed(record: &ClockRecord, now: &Reading) -> Duration {
    Elapsed::between(&Reading::of_record(record), now).at_least()
}

/// Now, as far as what is deleted by its age may believe it: a clock that leapt ahead counts only
/// when it has stood there.
pub fn trusted(record: &ClockRecord) -> Timestamp {
    earlier(record.wall, Duration::from_micros(record.jumped_us.max(0).unsigned_abs()))
}

/// A span of time for people: its two largest units.
pub fn span(us: i64) -> String {
    let seconds = us.unsigned_abs() / SECOND.unsigned_abs();
    let parts = [("d", seconds / 86_400), ("h", seconds / 3_600 % 24), ("min", seconds / 60 % 60)];
    let parts = parts.into_iter().chain([("s", seconds % 60)]);
    let mut parts = parts.skip_while(|(_, n)| *n == 0).take(2).filter(|(_, n)| *n > 0);
    let text = parts.by_ref().map(|(unit, n)| format!("{n} {unit}")).collect::<Vec<_>>().join(" ");
    if text.is_empty() { format!("{} ms", us.unsigned_abs() / 1_000) } else { text }
}

#[cfg(test)]
mod tests;
