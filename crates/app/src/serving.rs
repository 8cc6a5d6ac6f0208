//! How a running `serve` is, as it reports over the control socket.

use outflow_core::{Clock as _, Code, SystemClock, Timestamp};
use outflow_engine::delivery::limiter::Health;
use outflow_engine::serve::{Handle, TaskStatus};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How a running `serve` is, as it says itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Serving {
    /// The process.
    pub pid: u32,
    /// Its start.
    pub since: Timestamp,
    /// The destinations.
    pub destinations: Vec<DestinationStatus>,
    /// The tasks of the process that have failed since its start.
    #[serde(default)]
    pub tasks: Vec<TaskStatus>,
}

/// How a destination is, as far as the running process knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// The destination.
    pub destination: String,
    /// `healthy`, `waiting` (for a quota), `failing` or `paused`.
    pub health: String,
    /// Why.
    pub code: Option<Code>,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl Serving {
    /// How this process is, which keeps the syncs of the handle running.
    pub fn of(handle: &Handle, since: Timestamp) -> Self {
        let config = handle.config();
        let mut destinations: Vec<_> = config.engine.destinations.values().collect();
        destinations.sort_by_key(|d| d.name());
        let status = destinations.into_iter().map(|destination| {
            let (health, code, since) = match config.engine.limiters.of(destination.as_ref()).health() {
                Health::Healthy => ("healthy", None, None),
                Health::Waiting { since, .. } => ("waiting", Some(Code::DestinationThrottled), Some(since)),
                Health::Failing { since, code, .. } => ("failing", Some(code), Some(since)),
                Health::Paused { since, code, .. } => ("paused", Some(code), Some(since)),
            };
            let (destination, health) = (destination.name().to_owned(), health.to_owned());
            DestinationStatus { destination, health, code, since: since.map(wall_clock) }
        });
        Self { pid: std::process::id(), since, destinations: status.collect(), tasks: handle.tasks() }
    }
}

/// The wall time of a moment, approximately.
fn wall_clock(at: Instant) -> Timestamp {
    let now = SystemClock.now();
    jiff::SignedDuration::try_from(at.elapsed()).map_or(now, |ago| now.checked_sub(ago).unwrap_or(now))
}
