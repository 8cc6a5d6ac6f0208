//! When a sync may begin a run, and which destinations that run leaves out. Pure.
//!
//! ```text
//! a healthy destination is free        -> go
//! healthy ones are all at work         -> busy: reading more would only queue
//! none is healthy                      -> go, and the run waits in their queues, up to the quota
//! none is healthy, or open, any more   -> busy: the backlog is full
//! ```
//!
//! What always holds: a run leaves out a destination that is beyond its quota or has a gap, and
//! never all of them. A destination that is left out makes nothing begin and holds nothing up.
//!
//! What it does not do: look at runs that are being read or await approval. These come first.

use std::time::Duration;

use outflow_core::RunId;

/// What waits for destinations may be this old, and take this much room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacklogQuota {
    /// The oldest run that waits for a destination may be this old; `None`: [`usual_age`].
    pub age: Option<Duration>,
    /// The segments of all runs that wait may take this many bytes together.
    pub bytes: u64,
}

impl Default for BacklogQuota {
    fn default() -> Self {
        Self { age: None, bytes: 10 << 30 }
    }
}

/// Runs may wait for this long if the project does not say for how long: an hour, and ten
/// intervals.
pub(super) fn usual_age(interval: Option<Duration>) -> Duration {
    interval.unwrap_or_default().saturating_mul(10).max(Duration::from_secs(3600))
}

/// The bytes that may wait: no more than is still free above the disk's reserve.
pub(super) fn allowed(quota: u64, free_above_reserve: Option<u64>) -> u64 {
    free_above_reserve.map_or(quota, |free| quota.min(free))
}

/// How one destination of a sync stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Its name.
    pub(super) destination: String,
    /// The run at the head of its queue; `None`: it is free.
    pub(super) head: Option<RunId>,
    /// It accepts calls, as far as is known.
    pub(super) healthy: bool,
    /// It is beyond its quota.
    pub(super) beyond: Option<Beyond>,
    /// Runs have left it out, or a run that fills its gap awaits approval, and that has to reach it
    /// before anything newer does.
    pub(super) has_gap: bool,
}

/// Which quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beyond {
    /// The oldest run that waits is this old.
    Age(Duration),
    /// All that waits takes this many bytes.
    Bytes(u64),
}

/// Whether a run may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may, without these destinations.
    Go {
        /// Their names.
        left_out: Vec<String>,
    },
    /// It may not.
    Busy {
        /// Because of this destination.
        destination: String,
        /// The run at the head of its queue.
        run: Option<RunId>,
        /// Why.
        why: Why,
    },
}

/// Why a sync is busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The healthy destinations are at work.
    AtWork,
    /// No destination is healthy, and what waits for them is beyond the quota.
    Full(Beyond),
    /// No other destination is healthy, and this one gets first what runs have left out.
    Gap,
}

/// Whether a sync with these destinations may begin a run.
pub(super) fn decide(destinations: &[Standing]) -> Verdict {
    let left_out = || {
        let out = destinations.iter().filter(|d| d.has_gap || d.beyond.is_some());
        out.map(|d| d.destination.clone()).collect()
    };
    let healthy = || destinations.iter().filter(|d| d.healthy && !d.has_gap);
    if healthy().any(|d| d.head.is_none()) {
        return Verdict::Go { left_out: left_out() };
    }
    let busy = |d: &Standing, why| Verdict::Busy { destination: d.destination.clone(), run: d.head, why };
    if let Some(at_work) = healthy().next() {
        return busy(at_work, Why::AtWork);
    }
    let takes = |d: &Standing| !d.has_gap && d.beyond.is_none();
    match destinations.iter().find_map(|d| Some((d, d.beyond?))) {
        _ if destinations.is_empty() || destinations.iter().any(takes) => {
            Verdict::Go { left_out: left_out() }
        }
        Some((full, beyond)) => busy(full, Why::Full(beyond)),
        None => busy(&destinations[0], Why::Gap),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Option<Beyond> = Some(Beyond::Age(Duration::from_secs(7_200)));

    /// A destination by the letters of its name: `h`ealthy, at `w`ork, `b`eyond its quota, with a
    /// `g`ap; then a number.
    fn standing(name: &str) -> Standing {
        let is = |letter| name.contains(letter);
        Standing {
            destination: name.to_owned(),
            head: is('w').then_some(RunId(7)),
            healthy: is('h'),
            beyond: OLD.filter(|_| is('b')),
            has_gap: is('g'),
        }
    }

    fn decided(names: &[&str]) -> Verdict {
        decide(&names.iter().map(|name| standing(name)).collect::<Vec<_>>())
    }

    fn go(left_out: &[&str]) -> Verdict {
        Verdict::Go { left_out: left_out.iter().map(ToString::to_string).collect() }
    }

    fn busy(name: &str, why: Why) -> Verdict {
        Verdict::Busy { destination: name.to_owned(), run: standing(name).head, why }
    }

    #[test]
    fn one_free_healthy_destination_is_enough_and_without_any_healthy_one_runs_queue() {
        let full = Why::Full(OLD.unwrap());
        let cases: &[(&[&str], Verdict)] = &[
            (&[], go(&[])),
            (&["h"], go(&[])),
            (&["hw"], busy("hw", Why::AtWork)),
            // A slow one, a dead one, and both hold up no free one.
            (&["h", "hw"], go(&[])),
            (&["h", "w"], go(&[])),
            (&["h", "hw", "w"], go(&[])),
            (&["h", "hwb", "wb"], go(&["hwb", "wb"])),
            // If all healthy ones are at work, reading more would only queue.
            (&["hw1", "hw2"], busy("hw1", Why::AtWork)),
            (&["w", "hw"], busy("hw", Why::AtWork)),
            (&["wb", "hw"], busy("hw", Why::AtWork)),
            (&["hwb"], busy("hwb", Why::AtWork)),
            (&["hwb", "w"], busy("hwb", Why::AtWork)),
            // None is healthy: runs wait, up to the quota.
            (&["w"], go(&[])),
            (&["x"], go(&[])),
            (&["w1", "w2"], go(&[])),
            (&["w", "wb"], go(&["wb"])),
            (&["wb"], busy("wb", full)),
            (&["wb1", "wb2"], busy("wb1", full)),
            // One with a gap counts for nothing until the gap is filled.
            (&["h", "hg"], go(&["hg"])),
            (&["h", "hwg"], go(&["hwg"])),
            (&["hw", "hg"], busy("hw", Why::AtWork)),
            (&["w", "hg"], go(&["hg"])),
            (&["wb", "hg"], busy("wb", full)),
            (&["hg"], busy("hg", Why::Gap)),
            (&["hwg"], busy("hwg", Why::Gap)),
        ];
        for (destinations, expected) in cases {
            assert_eq!(decided(destinations), *expected, "{destinations:?}");
        }
    }

    #[test]
    fn no_run_leaves_out_all_destinations_and_none_begins_for_those_that_are_left_out() {
        let kinds = ["", "h", "w", "hw", "wb", "hwb", "g", "hg", "wg", "hwg", "hwbg"];
        for one in kinds {
            for another in kinds {
                let names = [format!("{one}1"), format!("{another}2")];
                let all = names.each_ref().map(|name| standing(name));
                match decide(&all) {
                    Verdict::Go { left_out } => {
                        assert!(left_out.len() < 2, "{names:?}");
                        for d in &all {
                            let is_out = d.has_gap || d.beyond.is_some();
                            assert_eq!(left_out.contains(&d.destination), is_out, "{names:?}");
                        }
                    }
                    Verdict::Busy { .. } => {
                        let free = |d: &Standing| d.healthy && d.head.is_none() && !d.has_gap;
                        assert!(!all.iter().any(free), "{names:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_quota_is_ten_intervals_and_less_room_the_less_there_is() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(usual_age(None), minutes(60));
        assert_eq!(usual_age(Some(minutes(1))), minutes(60));
        assert_eq!(usual_age(Some(minutes(15))), minutes(150));
        assert_eq!(usual_age(Some(Duration::MAX)), Duration::MAX);
        assert_eq!((allowed(10, None), allowed(10, Some(99)), allowed(10, Some(3))), (10, 10, 3));
    }
}
