//! When a sync is due: the slots of its schedule. Pure: no clock, no state.
//!
//! A slot is an instant at which a sync is due. `every` has the slots start + k × every (start is
//! the epoch if none is given), `cron` those of its calendar. The scheduler fires the latest slot
//! that has come and not been fired; it fires none twice, and after a pause of any length it fires
//! once. A stable jitter moves what happens at a slot, and never the slot: syncs of one interval
//! must not all begin in the same second.
//!
//! What always holds: slots rise strictly; a slot does not depend on when it is computed. A clock
//! that was ahead, by whatever time, delays a sync by no more than one interval and by no more than
//! an hour once it is right: then the schedule goes on from the last slot that a right clock fired.

mod cron;

use std::time::Duration;

use outflow_core::sync::Schedule;
use outflow_core::{Timestamp, hash};

pub use cron::Cron;

/// For no longer than this does a schedule wait for a slot that was fired before its time.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// No jitter is longer than this, however long the interval.
const LONGEST_JITTER: Duration = Duration::from_secs(300);

/// The slots of a schedule.
#[derive(Clone, Debug)]
pub enum Slots {
    /// None: it runs on request.
    Manual,
    /// start + k × every.
    Every {
        /// The interval in seconds, 1 or more.
        every: i64,
        /// The first slot, in Unix seconds; `None`: slots have always been.
        start: Option<i64>,
    },
    /// Times of a calendar.
    Cron(Cron),
}

impl Slots {
    /// The slots of a schedule that the project has checked; a calendar that cannot be read has
    /// none.
    pub fn of(schedule: &Schedule) -> Slots {
        match schedule {
            Schedule::Manual => Slots::Manual,
            Schedule::Every { every, start } => Slots::Every {
                every: i64::try_from(every.as_secs()).unwrap_or(i64::MAX).max(1),
                start: start.map(Timestamp::as_second),
            },
            Schedule::Cron { cron, timezone } => {
                Cron::parse(cron, timezone).map_or(Slots::Manual, Slots::Cron)
            }
        }
    }

    /// The first slot after `t`.
    pub fn after(&self, t: Timestamp) -> Option<Timestamp> {
        match self {
            Slots::Manual => None,
            Slots::Every { every, start } => {
                let from = start.unwrap_or(0);
                let k = (t.as_second() - from).div_euclid(*every) + 1;
                let k = if start.is_some() { k.max(0) } else { k };
                Timestamp::from_second(every.checked_mul(k)?.checked_add(from)?).ok()
            }
            Slots::Cron(cron) => cron.after(t),
        }
    }

    /// The latest slot in `(after, until]`.
    pub fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        match self {
            Slots::Manual => None,
            Slots::Every { every, start } => {
                let from = start.unwrap_or(0);
                let k = (until.as_second() - from).div_euclid(*every);
                let slot = Timestamp::from_second(every.checked_mul(k)?.checked_add(from)?).ok()?;
                (slot > after && (start.is_none() || k >= 0)).then_some(slot)
            }
            Slots::Cron(cron) => cron.latest(after, until),
        }
    }

    /// The shortest time between two slots as far as `from` and the day behind it tell; `None` if
    /// there are not two. For advice and for jitter.
    pub fn interval(&self, from: Timestamp) -> Option<Duration> {
        if let Slots::Every { every, .. } = self {
            return Some(Duration::from_secs(every.unsigned_abs()));
        }
        let mut shortest: Option<i64> = None;
        let mut last = self.after(from)?;
        for _ in 0..200 {
            let next = self.after(last)?;
            let gap = next.as_second() - last.as_second();
            shortest = Some(shortest.map_or(gap, |s| s.min(gap)));
            if next.as_second() - from.as_second() > 86_400 {
                break;
            }
            last = next;
        }
        shortest.map(|s| Duration::from_secs(s.unsigned_abs()))
    }
}

/// How long after a slot this sync begins: always the same for a name, under a tenth of the
/// interval.
pub fn jitter(sync: &str, interval: Duration) -> Duration {
    let tenth = interval.checked_div(10).unwrap_or_default();
    let most = tenth.min(LONGEST_JITTER).as_millis() as u64;
    let drawn = hash::content(sync.as_bytes()) as u64;
    Duration::from_millis(if most == 0 { 0 } else { drawn % most })
}

/// From where on the slots of a schedule count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// After this slot.
    Fired(Timestamp),
    /// From the first slot on: an interval that never ran is due at once.
    Beginning,
    /// From now on, to be recorded: a calendar that is seen for the first time waits for its next
    /// slot.
    Now,
    /// There are no slots.
    Never,
}

/// The one rule for the first slot of a sync, given the last slot that was fired.
pub const fn since(slots: &Slots, fired: Option<Timestamp>) -> Since {
    match (fired, slots) {
        (Some(fired), _) => Since::Fired(fired),
        (None, Slots::Manual) => Since::Never,
        (None, Slots::Every { .. }) => Since::Beginning,
        (None, Slots::Cron(_)) => Since::Now,
    }
}

/// When a sync is due next, or has been due since; `None` without a schedule.
pub fn next_due(slots: &Slots, fired: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    match since(slots, fired) {
        Since::Beginning => slots.latest(Timestamp::MIN, now).or_else(|| slots.after(now)),
        Since::Fired(fired) if is_ahead(slots, fired, now) => slots.after(now),
        Since::Fired(fired) => slots.after(fired),
        Since::Now => slots.after(now),
        Since::Never => None,
    }
}

/// What a schedule has to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing: the next slot has not come.
    Nothing,
    /// This slot fires.
    Slot(Timestamp),
    /// The last slot was fired by a clock that was ahead: [`resume`] says where the schedule is.
    Ahead,
}

/// What to do now. `fired` is the last slot that was fired (or when the sync was first seen).
///
/// A clock that is set back a little fires no slot twice: the schedule waits until the slot that it
/// has fired comes again, for at most one interval and an hour. A slot further ahead is taken for a
/// wrong clock's.
pub fn due(slots: &Slots, fired: Timestamp, now: Timestamp) -> Due {
    if is_ahead(slots, fired, now) {
        return Due::Ahead;
    }
    slots.latest(fired, now).map_or(Due::Nothing, Due::Slot)
}

/// Whether a slot lies so far ahead of now that the clock which fired it was wrong.
fn is_ahead(slots: &Slots, fired: Timestamp, now: Timestamp) -> bool {
    let Ok(ahead) = Duration::try_from(fired.duration_since(now)) else { return false };
    !matches!(slots, Slots::Manual) && ahead > slots.interval(now).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

/// Where a schedule goes on whose last slot lies ahead: its last slot is that which was fired
/// before by a right clock (`earlier`, which is at or before now). If none is known, an interval is
/// due at once, and a calendar waits for its next slot, as if seen for the first time.
pub fn resume(slots: &Slots, earlier: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let just_before = |slot: Timestamp| slot.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(slot);
    match (earlier, slots) {
        (Some(earlier), _) => earlier,
        (None, Slots::Every { .. }) => slots.latest(Timestamp::MIN, now).map_or(now, just_before),
        (None, Slots::Manual | Slots::Cron(_)) => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(s).unwrap()
    }

    fn every(seconds: u64, start: Option<i64>) -> Slots {
        Slots::of(&Schedule::Every { every: Duration::from_secs(seconds), start: start.map(at) })
    }

    #[test]
    fn slots_are_start_plus_k_times_the_interval() {
        let slots = every(60, Some(30));
        assert_eq!(slots.after(at(-500)), Some(at(30)));
        assert_eq!(slots.after(at(29)), Some(at(30)));
        assert_eq!(slots.after(at(30)), Some(at(90)));
        assert_eq!(slots.latest(at(0), at(29)), None);
        assert_eq!(slots.latest(at(0), at(95)), Some(at(90)));
        assert_eq!(slots.latest(at(90), at(149)), None);
        assert_eq!(every(60, None).after(at(-61)), Some(at(-60)));
        assert_eq!(Slots::Manual.after(at(0)), None);
    }

    #[test]
    fn a_slot_fires_once_and_a_long_pause_fires_once() {
        let slots = every(60, Some(0));
        assert_eq!(due(&slots, at(60), at(119)), Due::Nothing);
        assert_eq!(due(&slots, at(60), at(120)), Due::Slot(at(120)));
        assert_eq!(due(&slots, at(60), at(100_000)), Due::Slot(at(99_960)));
    }

    #[test]
    fn a_clock_that_jumps_back_a_little_fires_no_slot_twice() {
        let slots = every(60, Some(0));
        assert_eq!(due(&slots, at(6_000), at(5_940)), Due::Nothing, "one interval back");
        assert_eq!(due(&slots, at(6_000), at(5_999)), Due::Nothing);
        assert_eq!(due(&slots, at(6_000), at(6_000)), Due::Nothing);
        assert_eq!(due(&slots, at(6_000), at(6_059)), Due::Nothing);
        assert_eq!(due(&slots, at(6_000), at(6_060)), Due::Slot(at(6_060)));
        let daily = every(86_400, Some(0));
        assert_eq!(due(&daily, at(86_400), at(86_400 - 3_600)), Due::Nothing, "an hour back");
        assert_eq!(due(&daily, at(86_400), at(86_400 - 3_601)), Due::Ahead);
    }

    #[test]
    fn a_clock_that_was_ahead_stops_nothing() {
        let slots = every(60, Some(0));
        for ahead in [61, 3_600, 30 * 86_400, 40 * 365 * 86_400] {
            assert_eq!(due(&slots, at(6_000 + ahead), at(6_000)), Due::Ahead, "{ahead}");
        }
        // Slots up to 5,940 were fired by a right clock: that of now is due, and then each comes.
        let fired = resume(&slots, Some(at(5_940)), at(6_010));
        assert_eq!(due(&slots, fired, at(6_010)), Due::Slot(at(6_000)));
        assert_eq!(due(&slots, at(6_000), at(6_060)), Due::Slot(at(6_060)));
        // The slot of now was fired before: it is not fired again.
        let fired = resume(&slots, Some(at(6_000)), at(6_010));
        assert_eq!(due(&slots, fired, at(6_010)), Due::Nothing);
        assert_eq!(due(&slots, fired, at(6_060)), Due::Slot(at(6_060)));
        // Nothing is known of before.
        let fired = resume(&slots, None, at(6_010));
        assert_eq!(due(&slots, fired, at(6_010)), Due::Slot(at(6_000)));
        let cron = Slots::Cron(Cron::parse("0 9 * * *", "UTC").unwrap());
        let fired = resume(&cron, None, at(100_000));
        assert_eq!(due(&cron, fired, at(100_000)), Due::Nothing);
        assert_eq!(due(&cron, fired, at(86_400 + 9 * 3_600)), Due::Slot(at(86_400 + 9 * 3_600)));
    }

    #[test]
    fn what_is_due_next_is_not_what_a_wrong_clock_fired() {
        let slots = every(60, Some(0));
        assert_eq!(next_due(&slots, Some(at(900_000)), at(6_000)), Some(at(6_060)));
        assert_eq!(next_due(&slots, Some(at(6_030)), at(6_000)), Some(at(6_060)));
    }

    #[test]
    fn jitter_is_stable_and_under_a_tenth_of_the_interval() {
        let hour = Duration::from_secs(3600);
        let of = |name: &str| jitter(name, hour);
        assert_eq!(of("users"), of("users"));
        let all: std::collections::BTreeSet<_> = (0..100).map(|n| of(&format!("sync{n}"))).collect();
        assert!(all.len() > 90 && all.iter().all(|j| *j < LONGEST_JITTER), "{all:?}");
        assert!((0..100).all(|n| jitter(&format!("s{n}"), Duration::from_secs(60)) < Duration::from_secs(6)));
    }

    #[test]
    fn the_interval_of_a_calendar_is_its_shortest_gap() {
        let cron = |text: &str| Slots::Cron(Cron::parse(text, "UTC").unwrap());
        assert_eq!(cron("0 9 * * *").interval(at(0)), Some(Duration::from_secs(86_400)));
        assert_eq!(cron("0,10 * * * *").interval(at(0)), Some(Duration::from_secs(600)));
    }
}
