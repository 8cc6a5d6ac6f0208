//! Which frequency would fit a sync whose slots are skipped more often than not.

use std::time::Duration;

use outflow_core::ports::state::State;
use outflow_core::run::Trigger;
use outflow_core::{Code, Error, Result, RunState, Timestamp};

use crate::alert::{LEAST_SLOTS, WINDOW};

/// More than one slot of so many is skipped: that is many.
const ONE_IN: u64 = 5;

/// Intervals that people write, in seconds.
const ROUND: [u64; 16] = [
    60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 28_800, 43_200, 86_400,
    604_800,
];

/// A sync that is asked for more often than it can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The sync.
    pub sync: String,
    /// Slots of the last 24 hours.
    pub slots: u64,
    /// How many of them were skipped.
    pub skipped: u64,
    /// An interval within which 95 of 100 of its runs end; `None` if no run has ended or none is long enough.
    pub every: Option<Duration>,
}

impl Advice {
    /// The same as a warning.
    pub fn warning(&self) -> Error {
        let Self { sync, slots, skipped, every } = self;
        let message = format!("{skipped} of the {slots} slots of {sync} in the last 24 hours were skipped");
        Error::new(Code::E101, message).help(match every {
            Some(every) => format!("its runs would fit into `every: {}`", written(*every)),
            None => "see why its runs do not end: the column why of `outflow runs`".to_owned(),
        })
    }
}

/// Every sync that has skipped more than a fifth of its slots in the 24 hours before `now`. Blocks.
///
/// # Errors
/// What the state says.
pub fn advise(state: &dyn State, now: Timestamp) -> Result<Vec<Advice>> {
    let since = now - jiff::SignedDuration::try_from(WINDOW).unwrap_or_default();
    let mut found = Vec::new();
    for standing in state.standings(since)? {
        let (slots, skipped) = (standing.slots, standing.skipped);
        if slots < LEAST_SLOTS || skipped * ONE_IN <= slots {
            continue;
        }
        let mut took: Vec<Duration> = Vec::new();
        for run in state.runs_since(&standing.sync, since)? {
            let is_whole = matches!(run.state, RunState::Succeeded | RunState::Partial);
            if let Some(ended) = run.ended_at.filter(|_| is_whole && run.trigger == Trigger::Schedule) {
                took.push(Duration::try_from(ended.duration_since(run.started_at)).unwrap_or_default());
            }
        }
        found.push(Advice { sync: standing.sync, slots, skipped, every: fitting(took) });
    }
    Ok(found)
}

/// The least round interval above the 95th percentile.
fn fitting(mut took: Vec<Duration>) -> Option<Duration> {
    took.sort_unstable();
    let percentile = *took.get((took.len() * 95).div_ceil(100).saturating_sub(1))?;
    ROUND.into_iter().map(Duration::from_secs).find(|round| *round > percentile)
}

/// As in a project file.
fn written(every: Duration) -> String {
    let seconds = every.as_secs();
    match [(86_400, "d"), (3_600, "h")].into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{}m", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_round_and_above_the_95th_percentile() {
        let fits =
            |seconds: &[u64]| fitting(seconds.iter().map(|s| Duration::from_secs(*s)).collect()).map(written);
        assert_eq!(fits(&[]), None);
        assert_eq!(fits(&[59]).unwrap(), "1m");
        assert_eq!(fits(&[60]).unwrap(), "2m");
        assert_eq!(fits(&[3_599]).unwrap(), "1h");
        assert_eq!(fits(&[200_000]).unwrap(), "7d");
        assert_eq!(fits(&[700_000]), None);
        // One of twenty may take longer; two of twenty may not.
        let mut runs = [100; 20];
        runs[7] = 5_000;
        assert_eq!(fits(&runs).unwrap(), "2m");
        runs[8] = 5_000;
        assert_eq!(fits(&runs).unwrap(), "2h");
    }
}
