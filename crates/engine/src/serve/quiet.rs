//! How long each sync has gone without a success, measured while the process runs.
//!
//! What always holds: the time grows as time passes, whatever the wall clock does. Only the age
//! that a success has when it is first seen comes from the wall clock; if it lies ahead, the time
//! counts from then on. A sync whose schedule begins no runs gets no older.

use std::collections::HashMap;
use std::time::Duration;

use outflow_core::Timestamp;
use outflow_core::ports::watch::Standing;

use crate::clock::{self, Elapsed, Reading};

/// The time without a success of one sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// The last success, or else the start of the first run.
    base: Timestamp,
    /// How long ago that is.
    pub age: Duration,
    /// Whether it may be longer: a wrong clock recorded the success.
    pub at_least: bool,
}

/// Measures.
pub(super) struct QuietTimes {
    last: Reading,
    /// How long the process has been serving.
    pub serving: Duration,
    syncs: HashMap<String, Quiet>,
}

impl QuietTimes {
    /// Begins to measure.
    pub fn new(now: Reading) -> Self {
        Self { last: now, serving: Duration::ZERO, syncs: HashMap::new() }
    }

    /// Time has passed until `now`; these are the syncs.
    pub fn look(&mut self, now: &Reading, standings: &[Standing]) {
        let passed = Elapsed::between(&self.last, now).at_least();
        self.last = now.clone();
        self.serving = self.serving.saturating_add(passed);
        let wall = Timestamp::from_microsecond(now.wall_us).unwrap_or(Timestamp::UNIX_EPOCH);
        let before = std::mem::take(&mut self.syncs);
        for standing in standings {
            let Some(base) = standing.last_success.or(standing.first_started) else { continue };
            let age = clock::age(base, wall);
            let quiet = match before.get(&standing.sync) {
                Some(known) if known.base == base => {
                    Quiet { age: known.age.saturating_add(passed), ..*known }
                }
                // It came since the last look.
                Some(_) => Quiet { base, age: age.unwrap_or_default().min(passed), at_least: false },
                None => Quiet { base, age: age.unwrap_or_default(), at_least: age.is_none() },
            };
            self.syncs.insert(standing.sync.clone(), quiet);
        }
    }

    /// The schedule of this sync begins no runs now: its time counts from its next success, or from
    /// when the schedule begins runs again.
    pub fn rest(&mut self, sync: &str) {
        if let Some(quiet) = self.syncs.get_mut(sync) {
            (quiet.age, quiet.at_least) = (Duration::ZERO, false);
        }
    }

    /// The time of a sync; `None`: it has no run.
    pub fn of(&self, sync: &str) -> Option<Quiet> {
        self.syncs.get(sync).copied()
    }
}

impl Quiet {
    /// That long without a success that was recorded by a right clock.
    #[cfg(test)]
    pub fn for_test(base: Timestamp, age: Duration) -> Self {
        Self { base, age, at_least: false }
    }

    /// A success that a wrong clock recorded, seen just now.
    #[cfg(test)]
    pub fn ahead_for_test(base: Timestamp) -> Self {
        Self { base, age: Duration::ZERO, at_least: true }
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::Uptime;

    use super::*;

    const HOUR: i64 = 3_600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What the clock says, and how long the machine is up.
    fn reading(wall: i64, up: i64) -> Reading {
        let uptime = Uptime { boot: "b".into(), us: up * 1_000_000 };
        Reading { wall_us: wall * 1_000_000, uptime: Some(uptime) }
    }

    fn with_success(second: i64) -> [Standing; 1] {
        [Standing { sync: "users".into(), last_success: Some(at(second)), ..Standing::default() }]
    }

    #[test]
    fn a_success_ahead_of_the_clock_grows_old_from_the_first_look_on() {
        let mut times = QuietTimes::new(reading(1_000 * HOUR, 0));
        let month = 30 * 24 * HOUR;
        times.look(&reading(1_000 * HOUR, 0), &with_success(1_000 * HOUR + month));
        let quiet = times.of("users").unwrap();
        assert_eq!((quiet.age, quiet.at_least), (Duration::ZERO, true));
        times.look(&reading(1_007 * HOUR, 7 * HOUR), &with_success(1_000 * HOUR + month));
        assert_eq!(times.of("users").unwrap().age, Duration::from_secs(7 * 3_600));
    }

    #[test]
    fn the_time_of_a_sync_that_rests_counts_from_the_end_of_the_rest_on() {
        let mut times = QuietTimes::new(reading(1_000 * HOUR, 0));
        for hour in 0..9 {
            times.look(&reading((1_000 + hour) * HOUR, hour * HOUR), &with_success(990 * HOUR));
            times.rest("users");
            assert_eq!(times.of("users").unwrap().age, Duration::ZERO);
        }
        times.look(&reading(1_010 * HOUR, 10 * HOUR), &with_success(990 * HOUR));
        assert_eq!(times.of("users").unwrap().age, Duration::from_secs(2 * 3_600));
    }

    #[test]
    fn a_clock_that_leaps_or_is_set_back_makes_nothing_older_or_younger() {
        for leap in [-40 * 365 * 24 * HOUR, -HOUR, HOUR, 40 * 365 * 24 * HOUR] {
            let mut times = QuietTimes::new(reading(1_000_000 * HOUR, 0));
            times.look(&reading(1_000_000 * HOUR, 0), &with_success(999_998 * HOUR));
            times.look(&reading(1_000_001 * HOUR + leap, HOUR), &with_success(999_998 * HOUR));
            assert_eq!(times.of("users").unwrap().age, Duration::from_secs(3 * 3_600), "{leap}");
            assert_eq!(times.serving, Duration::from_secs(3_600), "{leap}");
            // A success since the last look, by the wrong clock.
            times.look(&reading(1_000_002 * HOUR + leap, 2 * HOUR), &with_success(1_000_001 * HOUR + leap));
            let quiet = times.of("users").unwrap();
            assert!(quiet.age <= Duration::from_secs(3_600) && !quiet.at_least, "{leap} {quiet:?}");
        }
    }
}
