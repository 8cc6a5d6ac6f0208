//! When a sync is due: the slots of its schedule. Pure: no clock, no state.
//!
//! A slot is an instant at which a sync is due. `every` has the slots start + k × every (start is
//! the epoch if none is given), `cron` those of its calendar. The scheduler fires the latest slot
//! that has come and not been fired; it fires none twice, and after a pause of any length it fires
//! once. A stable jitter moves what happens at a slot, and never the slot: syncs of one interval
//! must not all begin in the same second.
//!
//! What always holds: slots rise strictly; a slot does not depend on when it is computed.

mod cron;

use std::time::Duration;

use outflow_core::sync::Schedule;
use outflow_core::{Timestamp, hash};

pub use cron::Cron;

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
        Since::Fired(fired) => slots.after(fired),
        Since::Now => slots.after(now),
        Since::Never => None,
    }
}

/// The slot to fire now. `fired` is the last one that was fired (or when the sync was first seen).
///
/// A clock that was set back does not stop a sync for longer than it was ahead: a last slot more
/// than an hour in the future is taken for a wrong clock's.
pub fn due(slots: &Slots, fired: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let hour = Duration::from_secs(3600);
    let fired = if fired > now.saturating_add(hour).unwrap_or(now) { now } else { fired };
    slots.latest(fired, now)
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
        assert_eq!(due(&slots, at(60), at(119)), None);
        assert_eq!(due(&slots, at(60), at(120)), Some(at(120)));
        assert_eq!(due(&slots, at(60), at(100_000)), Some(at(99_960)));
    }

    #[test]
    fn a_clock_that_jumps_back_fires_no_slot_twice_and_one_that_was_days_ahead_stops_nothing() {
        let slots = every(60, Some(0));
        assert_eq!(due(&slots, at(6_000), at(5_500)), None);
        assert_eq!(due(&slots, at(6_000), at(6_059)), None);
        assert_eq!(due(&slots, at(900_000), at(6_000)), None);
        assert_eq!(
            due(&slots, at(900_000), at(6_060)),
            None,
            "asked at the slot itself it waits for the next"
        );
        assert_eq!(slots.latest(at(6_000), at(6_060)), Some(at(6_060)));
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
