//! Reading what is kept of runs: their records in the state and their calls in the spool.
//!
//! What always holds: it needs no claim and changes nothing, so it works beside whoever runs syncs.

use std::sync::Arc;

use outflow_core::ports::spool::Spool;
use outflow_core::ports::state::StateReader;
use outflow_core::{Code, Error, NextStep, Result, RunId, RunRecord};
use tokio::sync::watch;

use crate::Engine;

/// What is kept of runs. Its methods stand where their subjects are, in [`crate::operations`].
#[derive(Clone)]
pub struct RunReader {
    /// Runs, cursors, dead letters.
    pub state: Arc<dyn StateReader>,
    /// Segments.
    pub spool: Arc<dyn Spool>,
    /// Turns true when the process is to stop. Long reads then end with E001.
    pub stop: watch::Receiver<bool>,
}

impl Engine {
    /// Reads what this engine writes.
    pub fn reader(&self) -> RunReader {
        RunReader { state: self.state.clone(), spool: self.spool.clone(), stop: self.stop.clone() }
    }
}

impl RunReader {
    /// A run by the number that a person gave.
    pub(crate) async fn known(&self, run: RunId) -> Result<RunRecord> {
        self.state.run(run).await?.ok_or_else(|| {
            Error::new(Code::NoSuchSyncOrRun, format!("there is no run {run}")).next_step(NextStep::ListRuns)
        })
    }
}
