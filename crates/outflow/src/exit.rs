//! Exit codes, and which one wins when several would fit.

use outflow_app::Errors;
use outflow_core::codes::Area;
use outflow_core::{Code, Error};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 4: done, but rows were rejected or calls dead-lettered. Only with `--strict`.
    WithLosses,
    /// 3: done, and something would change. Only with `plan --detailed-exitcode`.
    Changes,
    /// 6: a destination is unreachable or refuses; calls are pending.
    Destination,
    /// 5: the source is unreachable or refuses.
    Source,
    /// 7: skipped, another process is at work.
    Busy,
    /// 2: usage or configuration.
    Configuration,
    /// 1: any other error.
    Failed,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    /// What counts: rows that were rejected within the guards are reported, and are no failure
    /// unless somebody wants them to be one.
    #[must_use]
    pub fn with_strictness(self, strict: bool) -> Self {
        if self == Self::WithLosses && !strict { Self::Done } else { self }
    }

    /// The code for the operating system.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Configuration => 2,
            Self::Changes => 3,
            Self::WithLosses => 4,
            Self::Source => 5,
            Self::Destination => 6,
            Self::Busy => 7,
            Self::Interrupted => 130,
        }
    }

    /// What an error makes of a command.
    pub fn of(error: &Error) -> Self {
        match (error.code(), error.code().area()) {
            (Code::Interrupted, _) => Self::Interrupted,
            (Code::StateHeld, _) => Self::Busy,
            (Code::ServerUnreachable, _) => Self::Failed,
            (_, Area::Configuration | Area::Query | Area::Access) => Self::Configuration,
            (_, Area::Source) => Self::Source,
            (_, Area::Destination) => Self::Destination,
            (_, Area::Row | Area::Spool | Area::State | Area::Engine | Area::Guard) => Self::Failed,
        }
    }

    /// What several errors make of a command.
    pub fn of_all(errors: &Errors) -> Self {
        errors.0.iter().map(Self::of).fold(Self::Done, Self::or)
    }

    /// The one that says more, in the order 130, 1, 2, 7, 5, 6, 4, 3, 0.
    pub fn or(self, other: Self) -> Self {
        let rank = |e: Self| match e {
            Self::Done => 0,
            Self::Changes => 1,
            Self::WithLosses => 2,
            Self::Destination => 3,
            Self::Source => 4,
            Self::Busy => 5,
            Self::Configuration => 6,
            Self::Failed => 7,
            Self::Interrupted => 8,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_comes_before_the_destination_and_both_before_losses() {
        use Exit::*;
        let all = [Done, Changes, WithLosses, Destination, Source, Busy, Configuration, Failed, Interrupted];
        for (i, a) in all.into_iter().enumerate() {
            for b in &all[..=i] {
                assert_eq!((a.or(*b), b.or(a)), (a, a));
            }
        }
        assert_eq!(all.map(Exit::code), [0, 3, 4, 6, 5, 7, 2, 1, 130]);
    }
}
