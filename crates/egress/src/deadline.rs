//! Deadlines from durations that others set, such as the configuration: they cannot panic.

use std::time::Duration;

use tokio::time::Instant;

/// The moment after this time from now on.
pub fn after(time: Duration) -> Instant {
    Instant::from_std(outflow_core::clock::later(Instant::now().into_std(), time))
}
