//! Looking at the local clock: what the state knows of it, and whether it has jumped since.
//!
//! What always holds: what is deleted by its age is that old by a clock that has stood for a day.
//! What this module does not do: decide what a jump is ([`crate::clock`]).

use std::time::Duration;

use outflow_core::clock::earlier;
use outflow_core::ports::watch::ClockRecord;
use outflow_core::{Code, Error, Result, Timestamp};

use crate::Engine;
use crate::clock::{self, Reading};

impl Engine {
    /// Looks at the local clock and records what it says. Returns a warning if it has jumped since
    /// the last look, by this process or by an earlier one.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn look_at_clock(&self) -> Result<Option<Error>> {
        let before = self.state.clock().await?;
        let (record, jumped) = clock::look(before.as_ref(), &Reading::of(&*self.clock));
        self.state.set_clock(&record).await?;
        Ok(jumped.map(|by| {
            let said = before.map_or(record.wall, |before| before.wall);
            let message = format!("{} (it said {said:.0} at the last look, and {:.0} now)", moved(by), record.wall);
            Error::new(Code::ClockJumped, message)
                .help("set the clock of this machine by a time server; what Outflow does meanwhile is on the page of this code")
        }))
    }

    /// The time `age` ago, by a clock that has stood: see [`clock::trusted`].
    ///
    /// # Errors
    /// Those of the state.
    pub(crate) async fn long_ago(&self, age: Duration) -> Result<Timestamp> {
        let before = self.state.clock().await?;
        let (record, _) = clock::look(before.as_ref(), &Reading::of(&*self.clock));
        Ok(earlier(clock::trusted(&record), age))
    }
}

/// The alert about a clock that has jumped, if it has and does not stand for long enough yet.
pub(crate) fn jumped(record: &ClockRecord) -> Option<String> {
    let bound = clock::BOUND.as_micros() as i64;
    let by = Some(record.jumped_us).filter(|by| record.measured && by.saturating_abs() > bound)?;
    let kept = if by > 0 { "; nothing is deleted by its age until it has stood for a day" } else { "" };
    Some(format!("{}{kept}", moved(by)))
}

fn moved(by: i64) -> String {
    let span = clock::span(by);
    match by {
        0.. => format!("the clock of this machine leapt ahead by {span}"),
        _ => format!("the clock of this machine was set back by {span}"),
    }
}
