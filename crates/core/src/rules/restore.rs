//! Whether a state, and the files beside it, went on since they were last used, or were restored.
//!
//! What always holds: what was not used together before, or is a copy, is noticed. A sign that is
//! wrong costs a comparison and loses nothing. What it does not do: notice a disk that was set back
//! as a whole, as nothing on it tells.

use std::fmt;

use crate::RunId;
use crate::ports::spool::SpoolMark;
use crate::ports::state::{Origin, Place};

/// What is found beside the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// The spool's mark, if it has one.
    pub mark: Option<SpoolMark>,
    /// The largest number of a run of which the spool, or the baseline, has anything.
    pub last_run: Option<RunId>,
}

/// What tells of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreSign {
    /// The spool was last used with another state than this one is.
    OtherMark,
    /// The spool was marked, and has no mark.
    NoMark,
    /// There are files of a run that the state does not know.
    UnknownRun(RunId),
    /// The spool is a copy.
    Copied,
    /// The store is elsewhere: what differs.
    Moved(String),
}

impl RestoreSign {
    /// Whether the spool may be another history's. With the same mark, files of unknown runs are
    /// what the same history has left, and the hashes of runs that the state knows are its own.
    pub const fn parts(&self) -> bool {
        matches!(self, Self::OtherMark | Self::NoMark)
    }
}

impl fmt::Display for RestoreSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherMark => f.write_str("the spool was last used with another copy of the state"),
            Self::NoMark => f.write_str("the file `mark` of the spool is missing"),
            Self::UnknownRun(run) => write!(f, "there are files of run {run}, which the state does not know"),
            Self::Copied => f.write_str("the files of the spool are a copy"),
            Self::Moved(what) => write!(f, "the state is a copy, or on another server ({what})"),
        }
    }
}

/// The signs of a restore. `place` and `last_run` are the state's now.
pub fn restore_signs(
    origin: &Origin,
    place: &Place,
    last_run: Option<RunId>,
    beside: &Beside,
) -> Vec<RestoreSign> {
    let mut signs = Vec::new();
    let found = beside.mark.map(|mark| mark.id);
    if origin.mark.is_some() && found != origin.mark && found != origin.mark_before {
        signs.push(if found.is_some() { RestoreSign::OtherMark } else { RestoreSign::NoMark });
    }
    // A new state has nothing to be compared with.
    if last_run.is_some()
        && let Some(run) = beside.last_run.filter(|run| Some(*run) > last_run)
    {
        signs.push(RestoreSign::UnknownRun(run));
    }
    if origin.mark.is_some() && beside.mark.is_some_and(|mark| !mark.is_original) {
        signs.push(RestoreSign::Copied);
    }
    let differs = |(name, value): (&String, &String)| place.get(name).is_some_and(|now| now != value);
    let differing: Vec<&str> =
        origin.place.iter().filter(|entry| differs(*entry)).map(|(name, _)| name.as_str()).collect();
    if !differing.is_empty() {
        signs.push(RestoreSign::Moved(differing.join(", ")));
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Option<RunId> = Some(RunId(5));

    fn place(entries: &[(&str, &str)]) -> Place {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn origin() -> Origin {
        let place = place(&[("system", "7"), ("timeline", "1")]);
        Origin { mark: Some(2), mark_before: Some(1), place, ..Origin::default() }
    }

    fn marked(id: u128) -> Beside {
        Beside { mark: Some(SpoolMark { id, is_original: true }), last_run: RUN }
    }

    fn signs(origin: &Origin, beside: &Beside) -> Vec<RestoreSign> {
        restore_signs(origin, &origin.place, RUN, beside)
    }

    #[test]
    fn what_went_on_has_no_sign_also_after_a_process_that_died_between_state_and_spool() {
        for id in [1, 2] {
            assert_eq!(signs(&origin(), &marked(id)), []);
        }
        let first = Origin { mark: Some(1), ..Origin::default() };
        assert_eq!(signs(&first, &Beside::default()), [], "it died before the first mark");
        assert_eq!(signs(&Origin::default(), &marked(9)), [], "a state of an older version");
    }

    #[test]
    fn a_state_or_a_spool_of_another_moment_is_noticed() {
        assert_eq!(signs(&origin(), &marked(3)), [RestoreSign::OtherMark]);
        let none = Beside { mark: None, last_run: RUN };
        assert_eq!(signs(&origin(), &none), [RestoreSign::NoMark]);
        let newer = Beside { last_run: Some(RunId(6)), ..marked(2) };
        assert_eq!(signs(&origin(), &newer), [RestoreSign::UnknownRun(RunId(6))]);
        assert_eq!(restore_signs(&Origin::default(), &Place::new(), None, &newer), [], "a new state");
        assert!([marked(3), none].iter().all(|beside| signs(&origin(), beside)[0].parts()));
        assert!(!signs(&origin(), &newer)[0].parts());
    }

    #[test]
    fn copies_are_noticed_and_belong_together() {
        let copy = Beside { mark: Some(SpoolMark { id: 2, is_original: false }), last_run: RUN };
        assert_eq!(signs(&origin(), &copy), [RestoreSign::Copied]);
        for (now, expected) in [
            (place(&[("system", "7"), ("timeline", "2")]), Some("timeline")),
            (place(&[("system", "8"), ("timeline", "2")]), Some("system, timeline")),
            // What a server no longer says is no sign, nor is what it says for the first time.
            (place(&[("system", "7"), ("table", "3")]), None),
        ] {
            let found = restore_signs(&origin(), &now, RUN, &marked(2));
            let expected: Vec<_> =
                expected.map(|what| RestoreSign::Moved(what.to_owned())).into_iter().collect();
            assert_eq!(found, expected);
            assert!(!found.iter().any(RestoreSign::parts));
        }
    }

    #[test]
    fn events_are_compared_after_a_restore_that_kept_state_and_spool_together() {
        let origin = Origin { restored_after: Some(RunId(5)), ..Origin::default() };
        assert!(!origin.is_comparable(RunId(5), false) && origin.is_comparable(RunId(6), false));
        assert!(origin.is_comparable(RunId(5), true));
        let parted = Origin { parted_after: Some(RunId(5)), ..origin };
        assert!(!parted.is_comparable(RunId(5), true));
    }
}
