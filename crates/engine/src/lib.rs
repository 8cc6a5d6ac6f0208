//! Runs: what happens, in which order, and what is true afterwards.
//!
//! A run has two halves. **Extract** ([`extract`]) streams one query, shapes each row and leaves
//! calls and rejections in the spool; one transaction then commits it. **Deliver** ([`delivery`])
//! walks those segments once for each destination, with its own cursor and retries, until
//! every call is settled.
//!
//! What always holds:
//! - Nothing is sent before the extraction is committed, and `last_sync_time` moves in the
//!   transaction in which the run becomes `delivering` and only there.
//! - `read = calls + rejected + unchanged`, and for each destination `calls = delivered +
//!   dead_letters + filtered + cancelled + discarded + pending`.
//! - A run that was interrupted is finished by the next one of its sync; half an extraction counts
//!   for nothing and is begun again.
//!
//! What it does not do: open connections, know file formats or speak HTTP. It uses the ports of
//! `outflow_core` alone.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod answered;
pub mod authoring;
pub mod clock;
pub mod delivery;
mod event;
pub mod extract;
pub mod forms;
pub mod operations;
mod pages;
mod paused;
mod read_only;
mod reader;
mod report;
mod run;
pub mod schedule;
pub mod serve;
mod spans;
mod stop;
mod zones;

use std::collections::HashMap;
use std::sync::Arc;

use outflow_core::ports::baseline::Baseline;
use outflow_core::ports::destination::Destination;
use outflow_core::ports::spool::Spool;
use outflow_core::ports::state::State;
use outflow_core::{Clock, Code, Error};
use tokio::sync::watch;

pub use delivery::limiter::Limiters;
pub use event::{Event, Note, Observer};
pub use pages::{DeadLetterPages, RunPages};
pub use paused::{Paused, sentence as paused_sentence};
pub use reader::{Calls, RunReader};
pub use report::{
    DeliveryDocument, EarlierDocument, FORMAT_VERSION, LeftOutDocument, MissingDocument, Reason, RunDocument,
    RunListEntry, Seconds, UnsentDocument,
};
pub use serve::once::RunRequest;

/// Everything that a run needs but its sync and its warehouse.
#[derive(Clone)]
pub struct Engine {
    /// Runs, cursors, dead letters.
    pub state: Arc<dyn State>,
    /// Segments.
    pub spool: Arc<dyn Spool>,
    /// Hashes of calls, for comparing runs.
    pub baseline: Arc<dyn Baseline>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// The project's destinations by name, without those that are paused.
    pub destinations: HashMap<String, Arc<dyn Destination>>,
    /// What people have paused.
    pub paused: Paused,
    /// What deliveries to one destination share: see [`delivery::limiter`].
    pub limiters: Arc<Limiters>,
    /// What may be sent to each destination.
    pub budgets: Arc<extract::guard::Budgets>,
    /// Turns true when the process is to stop. Running work is then cancelled or left pending.
    pub stop: watch::Receiver<bool>,
}

/// One or more problems that ended something. All of them, not the first.
#[derive(Debug)]
pub struct Errors(pub Vec<Error>);

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl From<Vec<Error>> for Errors {
    fn from(errors: Vec<Error>) -> Self {
        Self(errors)
    }
}

impl Errors {
    /// The code and message that the state stores for all of them. The state is the user's: it has
    /// what a server said, too.
    fn reason(&self) -> (Code, String) {
        match self.0.first() {
            Some(e) => (e.code(), e.full_message().into_revealed()),
            None => (Code::Interrupted, "stopped".to_owned()),
        }
    }
}

/// Runs blocking work on the disk off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> outflow_core::Result<T> + Send + 'static,
) -> outflow_core::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(join) => {
            Err(Error::new(Code::SpoolIo, "a background task ended before its time").caused_by(join))
        }
    }
}
