//! What the skips of a day say about a schedule.

use std::time::Duration;

use outflow_core::run::Trigger;
use outflow_core::{RunRecord, RunState, Timestamp};

/// Skips are looked at over this time.
const DAY: i64 = 86_400;
/// More skipped slots than this share are worth a word.
const MANY: f64 = 0.2;
/// Fewer slots say nothing.
const LEAST_SLOTS: usize = 5;
/// Intervals that people use, in minutes.
const ROUND: [u64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1_440];

/// A sync that skips much of its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowded {
    /// Slots of the last day that were skipped.
    pub skipped: usize,
    /// Slots of the last day in all.
    pub slots: usize,
    /// An interval that nearly all runs would have fitted into, if one of a day does.
    pub fits: Option<Duration>,
}

/// Looks at a sync's runs, newest first. `None`: its slots are not worth a word.
pub fn crowded(runs: &[RunRecord], now: Timestamp) -> Option<Crowded> {
    let recent = runs
        .iter()
        .filter(|r| r.trigger == Trigger::Schedule && now.as_second() - r.due_at.as_second() < DAY);
    let (skipped, ran): (Vec<_>, Vec<_>) = recent.partition(|r| r.state == RunState::Skipped);
    let slots = skipped.len() + ran.len();
    if slots < LEAST_SLOTS || (skipped.len() as f64) <= MANY * slots as f64 {
        return None;
    }
    // A run that goes on takes at least as long as it has.
    let mut took: Vec<i64> =
        ran.iter().map(|r| r.ended_at.unwrap_or(now).as_second() - r.started_at.as_second()).collect();
    took.sort_unstable();
    let slow = took.get((took.len() * 95).div_ceil(100).saturating_sub(1)).copied();
    let fits = slow.and_then(|slow| ROUND.into_iter().find(|minutes| (minutes * 60) as i64 > slow));
    Some(Crowded {
        skipped: skipped.len(),
        slots,
        fits: fits.map(|minutes| Duration::from_secs(minutes * 60)),
    })
}

#[cfg(test)]
mod tests {
    use outflow_core::run::{Pinned, RunOptions};
    use outflow_core::{CallType, RowCounts, RunId, RunKey};

    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(s).unwrap()
    }

    /// A run of a slot at this second that took so long, or was skipped.
    fn run(due: i64, took: Option<i64>) -> RunRecord {
        RunRecord {
            id: RunId(1),
            key: RunKey(0),
            sync: "users".into(),
            call_type: CallType::Identify,
            state: if took.is_some() { RunState::Succeeded } else { RunState::Skipped },
            trigger: Trigger::Schedule,
            pinned: Pinned {
                source: "s".into(),
                query: String::new(),
                connections: Vec::new(),
                options: RunOptions::default(),
                guards: outflow_core::Guards::default(),
                detached: Vec::new(),
            },
            due_at: at(due),
            started_at: at(due),
            extracted_at: None,
            ended_at: Some(at(due + took.unwrap_or(0))),
            last_sync_time: None,
            next_last_sync_time: None,
            clock: None,
            rows: RowCounts::default(),
            spool_bytes: 0,
            reason: None,
            skipped_by: None,
            replays: None,
            replayed_by: Default::default(),
        }
    }

    #[test]
    fn more_than_a_fifth_is_told_with_an_interval_that_fits() {
        let of = |skipped: usize, ran: usize, took: i64| {
            let skips = (0..skipped).map(|n| run(n as i64 * 60, None));
            let runs = (0..ran).map(|n| run(n as i64 * 60, Some(took)));
            crowded(&skips.chain(runs).collect::<Vec<_>>(), at(80_000))
        };
        assert_eq!(of(2, 8, 90), None, "a fifth");
        assert_eq!(of(3, 1, 90), None, "too few to say");
        let told = |skipped, slots, minutes: u64| {
            Some(Crowded { skipped, slots, fits: Some(Duration::from_secs(minutes * 60)) })
        };
        assert_eq!(of(3, 8, 90), told(3, 11, 2));
        assert_eq!(of(3, 8, 120), told(3, 11, 5));
        assert_eq!(of(10, 10, 3_700), told(10, 20, 120));
        assert_eq!(of(10, 10, 90_000).unwrap().fits, None);
        assert_eq!(of(10, 0, 0).unwrap().fits, None);
    }

    #[test]
    fn only_the_last_day_counts_and_what_was_asked_for_does_not() {
        let old: Vec<_> = (0..10).map(|n| run(n, None)).collect();
        assert_eq!(crowded(&old, at(200_000)), None);
        let by_hand: Vec<_> =
            (0..10).map(|n| RunRecord { trigger: Trigger::Manual, ..run(n, None) }).collect();
        assert_eq!(crowded(&by_hand, at(1_000)), None);
    }
}
