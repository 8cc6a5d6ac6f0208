//! Reading what is kept of runs: their records in the state and their calls in the spool.
//!
//! What always holds: it needs no claim and changes nothing, so it works beside a process that runs
//! syncs.

use std::sync::Arc;

use outflow_core::ports::spool::{CallBlock, SegmentInfo, SegmentKind, Spool, SpoolReader};
use outflow_core::ports::state::StateReader;
use outflow_core::{Code, Error, NextStep, Result, RunId, RunRecord};
use tokio::sync::watch;

use crate::Engine;
use crate::stop::interrupted;

/// What is kept of runs. Its methods are in [`crate::operations`].
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

    /// The calls of a run from a position on.
    pub async fn calls(&self, run: &RunRecord, segments: &[SegmentInfo], from: u64) -> Result<Calls> {
        let calls: Vec<_> = segments.iter().filter(|s| s.kind == SegmentKind::Calls).cloned().collect();
        let reader = self.spool.read(run.id, &calls, run.rows.unchanged_calls(), from).await?;
        Ok(Calls { reader, block: CallBlock::default(), stop: None })
    }

    /// The same, but reading ends with E001 when the process is to stop.
    pub(crate) async fn calls_until_stopped(
        &self,
        run: &RunRecord,
        segments: &[SegmentInfo],
        from: u64,
    ) -> Result<Calls> {
        Ok(Calls { stop: Some(self.stop.clone()), ..self.calls(run, segments, from).await? })
    }
}

/// The calls of a run, block by block.
pub struct Calls {
    reader: Box<dyn SpoolReader>,
    block: CallBlock,
    stop: Option<watch::Receiver<bool>>,
}

impl Calls {
    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// E001 when the process is to stop, if that ends the reading; what the spool says.
    pub async fn next(&mut self) -> Result<Option<&CallBlock>> {
        if self.stop.as_ref().is_some_and(|stop| *stop.borrow()) {
            return Err(interrupted());
        }
        Ok(self.reader.next(&mut self.block).await?.then_some(&self.block))
    }
}
