//! How a running `serve` is, as it reports over the control socket.

use std::collections::BTreeMap;

use outflow_core::{Clock as _, Code, SyncSpec, SystemClock, Timestamp, hash};
use outflow_engine::delivery::limiter::Health;
use outflow_engine::serve::{Handle, TaskStatus};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How a running `serve` is, as it says itself.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Serving {
    /// The process.
    pub pid: u32,
    /// Its start.
    pub since: Timestamp,
    /// The syncs as it has loaded them: a fingerprint of each.
    #[serde(default)]
    pub syncs: BTreeMap<String, String>,
    /// The destinations.
    pub destinations: Vec<DestinationStatus>,
    /// The tasks of the process that have failed since its start.
    #[serde(default)]
    pub tasks: Vec<TaskStatus>,
}

/// How a destination is, as far as the running process knows.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DestinationStatus {
    /// The destination.
    pub destination: String,
    /// `healthy`, `waiting` (for a quota), `failing` or `paused`.
    pub health: String,
    /// Why.
    pub code: Option<Code>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Since when a person has paused it, if one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_since: Option<Timestamp>,
}

impl Serving {
    /// How this process is, which keeps the syncs of the handle running.
    pub fn of(handle: &Handle, since: Timestamp) -> Self {
        let config = handle.config();
        let destinations = config.engine.destinations.values();
        let status = destinations.map(|destination| {
            let (health, code, since) = match config.engine.limiters.of(destination.as_ref()).health() {
                Health::Healthy => ("healthy", None, None),
                Health::Waiting { since, .. } => ("waiting", Some(Code::DestinationThrottled), Some(since)),
                Health::Failing { since, code, .. } => ("failing", Some(code), Some(since)),
                Health::Paused { since, code, .. } => ("paused", Some(code), Some(since)),
            };
            let (destination, health) = (destination.name().to_owned(), health.to_owned());
            DestinationStatus { destination, health, code, since: since.map(wall_clock), paused_since: None }
        });
        let paused = config.engine.paused.destinations().map(|(name, since, _)| DestinationStatus {
            destination: name.to_owned(),
            health: "paused".to_owned(),
            code: Some(Code::DestinationPaused),
            since: Some(since),
            paused_since: Some(since),
        });
        let mut destinations: Vec<_> = status.chain(paused).collect();
        destinations.sort_by(|a, b| a.destination.cmp(&b.destination));
        Self {
            pid: std::process::id(),
            since,
            syncs: config
                .syncs
                .iter()
                .map(|sync| (sync.spec.name.clone(), fingerprint(&sync.spec)))
                .collect(),
            destinations,
            tasks: handle.tasks(),
        }
    }
}

/// Equal for syncs that are written in the same way.
pub(crate) fn fingerprint(spec: &SyncSpec) -> String {
    format!("{:032x}", hash::content(format!("{spec:?}").as_bytes()))
}

/// The wall time of a moment, approximately.
fn wall_clock(at: Instant) -> Timestamp {
    let now = SystemClock.now();
    jiff::SignedDuration::try_from(at.elapsed()).map_or(now, |ago| now.checked_sub(ago).unwrap_or(now))
}
