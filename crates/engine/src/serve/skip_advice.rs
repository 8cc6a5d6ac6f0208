//! Advice on a schedule, from the slots that were skipped in a day.

use std::time::Duration;

use outflow_core::clock::earlier;
use outflow_core::ports::state::StateReader;
use outflow_core::run::RunTrigger;
use outflow_core::{Code, Error, Result, RunId, RunRecord, RunState, Timestamp};

use crate::clock;
use crate::serve::alert::{LEAST_SLOTS, WINDOW};

/// More than one skipped slot in this number leads to advice.
const ONE_IN: usize = 5;
/// Intervals that people use, in minutes.
const ROUND: [u64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1_440];

/// A sync that skips many of its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Crowded {
    /// Skipped slots of the last day.
    skipped: usize,
    /// All slots of the last day.
    slots: usize,
    /// An interval into which nearly all runs would have fitted, if there is one of up to a day.
    fits: Option<Duration>,
    /// Why the last of them was skipped. It names the destination, if it was one.
    last: Option<String>,
    /// Most of them were skipped as no destination took calls.
    is_full: bool,
    /// Most of them were skipped while this run, which has been read, is not delivered.
    undelivered: Option<RunId>,
}

impl Crowded {
    /// The same as a warning about this sync.
    fn warning(&self, sync: &str) -> Error {
        let Self { skipped, slots, fits, last, is_full, undelivered } = self;
        let mut message =
            format!("{skipped} of the {slots} slots of {sync} in the last 24 hours were skipped");
        if let Some(last) = last {
            message += &format!(", the last one because {last}");
        }
        let minutes = fits.map(|fits| fits.as_secs() / 60);
        let help = match (undelivered, minutes) {
            _ if *is_full => {
                "its destinations take no calls: see why; another interval does not help".to_owned()
            }
            (Some(run), _) => format!(
                "run {run} has been read and is not delivered yet: see what its destination says; another interval does \
                 not help"
            ),
            (None, Some(minutes)) => {
                format!("nearly all of its runs fit into {minutes}m: `schedule: {{ every: {minutes}m }}`")
            }
            (None, None) => {
                "its runs take longer than a day, or none has ended: read less in a run, or look at what \
                             holds it up"
                    .to_owned()
            }
        };
        Error::new(Code::ManySlotsSkipped, message).at(format!("sync {sync}")).help(help)
    }
}

/// The advice for each of these syncs that skips many slots.
///
/// # Errors
/// Those of the state.
pub async fn warnings(state: &dyn StateReader, sync: Option<&str>, now: Timestamp) -> Result<Vec<Error>> {
    let since = earlier(now, WINDOW);
    let mut all = Vec::new();
    for name in state.standings(since, now).await?.into_iter().map(|s| s.sync) {
        if sync.is_none_or(|wanted| wanted == name) {
            let crowded = crowded(&state.runs_since(&name, since).await?, now);
            all.extend(crowded.map(|c| c.warning(&name)));
        }
    }
    Ok(all)
}

/// The advice for a sync; `None` if it needs none.
fn crowded(runs: &[RunRecord], now: Timestamp) -> Option<Crowded> {
    let recent = runs.iter().filter(|r| {
        r.trigger == RunTrigger::Schedule && clock::age(r.due_at, now).is_some_and(|age| age < WINDOW)
    });
    let (skipped, ran): (Vec<_>, Vec<_>) = recent.partition(|r| r.state == RunState::Skipped);
    let slots = skipped.len() + ran.len();
    if (slots as u64) < LEAST_SLOTS || skipped.len() * ONE_IN <= slots {
        return None;
    }
    // A run in progress takes at least as long as it has so far.
    let mut took: Vec<i64> =
        ran.iter().map(|r| r.ended_at.unwrap_or(now).as_second() - r.started_at.as_second()).collect();
    took.sort_unstable();
    let slow = took.get((took.len() * 95).div_ceil(100).saturating_sub(1)).copied();
    let fits = slow.and_then(|slow| ROUND.into_iter().find(|minutes| (minutes * 60) as i64 > slow));
    let is_full = |run: &&&RunRecord| run.reason.as_ref().is_some_and(|r| r.0 == Code::BacklogFull);
    // A run that is read and not delivered holds the slots up, and not how long its query takes.
    let waits = ran.iter().find(|run| run.state == RunState::Delivering && run.ended_at.is_none());
    let undelivered = waits.filter(|run| {
        let since = run.extracted_at.unwrap_or(run.started_at);
        skipped.iter().filter(|skip| skip.due_at >= since).count() * 2 > skipped.len()
    });
    let latest = skipped.iter().max_by_key(|run| run.id);
    Some(Crowded {
        last: latest.and_then(|run| Some(run.reason.as_ref()?.1.clone())),
        is_full: skipped.iter().filter(is_full).count() * 2 > skipped.len(),
        undelivered: undelivered.map(|run| run.id),
        skipped: skipped.len(),
        slots,
        fits: fits.map(|minutes| Duration::from_secs(minutes * 60)),
    })
}

#[cfg(test)]
mod tests {
    use outflow_core::run::{RunOptions, RunSpec};
    use outflow_core::{CallType, RowCounts, RunKey};

    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_second(s).unwrap()
    }

    /// A run of a slot at this second that took this long, or was skipped.
    fn run(due: i64, took: Option<i64>) -> RunRecord {
        RunRecord {
            id: RunId(1),
            key: RunKey(0),
            sync: "users".into(),
            call_type: CallType::Identify,
            state: if took.is_some() { RunState::Succeeded } else { RunState::Skipped },
            trigger: RunTrigger::Schedule,
            spec: RunSpec {
                source: "s".into(),
                query: String::new(),
                connections: Vec::new(),
                options: RunOptions::default(),
                guards: outflow_core::Guards::default(),
                ids: Default::default(),
                skipped: Vec::new(),
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
            let fits = Some(Duration::from_secs(minutes * 60));
            Some(Crowded { skipped, slots, fits, last: None, is_full: false, undelivered: None })
        };
        assert_eq!(of(3, 8, 90), told(3, 11, 2));
        assert_eq!(of(3, 8, 120), told(3, 11, 5));
        assert_eq!(of(10, 10, 3_700), told(10, 20, 120));
        assert_eq!(of(10, 10, 90_000).unwrap().fits, None);
        assert_eq!(of(10, 0, 0).unwrap().fits, None);
    }

    #[test]
    fn the_destination_is_named_and_no_interval_proposed_if_it_takes_no_calls() {
        let skip = |n: u64, code, reason: &str| RunRecord {
            id: RunId(n),
            reason: Some((code, reason.to_owned())),
            ..run(n as i64 * 60, None)
        };
        let slow: Vec<_> = (1..=9)
            .map(|n| skip(n, Code::RunInProgress, &format!("run {n} is being delivered to journeys")))
            .collect();
        let told = crowded(&slow, at(1_000)).unwrap().warning("users");
        assert!(told.message().ends_with("because run 9 is being delivered to journeys"), "{told:?}");
        let full: Vec<_> = (1..=9).map(|n| skip(n, Code::BacklogFull, "it is full")).collect();
        let told = crowded(&full, at(1_000)).unwrap().warning("users");
        assert!(told.help_text().unwrap().contains("another interval does not help"), "{told:?}");
    }

    #[test]
    fn a_run_that_is_read_and_not_delivered_is_named_and_no_interval_proposed() {
        let waiting = RunRecord {
            id: RunId(7),
            state: RunState::Delivering,
            extracted_at: Some(at(1)),
            ended_at: None,
            ..run(0, Some(0))
        };
        let skips = (1..=9).map(|n| run(n * 60, None));
        let told = crowded(&skips.chain([waiting]).collect::<Vec<_>>(), at(1_000)).unwrap().warning("users");
        let help = told.help_text().unwrap();
        assert!(help.contains("run 7") && !help.contains("fit into"), "{help}");
    }

    #[test]
    fn only_the_last_day_counts_and_what_was_asked_for_does_not() {
        let old: Vec<_> = (0..10).map(|n| run(n, None)).collect();
        assert_eq!(crowded(&old, at(200_000)), None);
        let by_hand: Vec<_> =
            (0..10).map(|n| RunRecord { trigger: RunTrigger::Manual, ..run(n, None) }).collect();
        assert_eq!(crowded(&by_hand, at(1_000)), None);
    }
}
