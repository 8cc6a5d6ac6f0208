//! Reads a run's calls ahead of the delivery, block by block.

use std::sync::Arc;

use outflow_core::ports::spool::{CallBlock, SegmentInfo, Spool};
use outflow_core::{Result, RunRecord};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::serve::tasks::panicked;

/// Blocks from the spool, read one ahead by a task of their own.
pub(crate) struct Prefetcher {
    blocks: Option<mpsc::Receiver<Result<CallBlock>>>,
    task: JoinHandle<()>,
    used: std::sync::mpsc::Sender<CallBlock>,
    current: Option<Current>,
}

/// A block and the index of its first call that was not cut yet.
pub(crate) struct Current {
    pub(crate) block: CallBlock,
    pub(crate) next: usize,
}

impl Prefetcher {
    /// Reads these segments of a run from the position `from` on.
    pub(crate) fn start(
        spool: Arc<dyn Spool>,
        run: &RunRecord,
        segments: Vec<SegmentInfo>,
        from: u64,
    ) -> Self {
        let (run, unchanged) = (run.id, run.rows.unchanged_calls());
        let (sender, blocks) = mpsc::channel(1);
        let (used, spare) = std::sync::mpsc::channel::<CallBlock>();
        let task = tokio::spawn(async move {
            let mut reader = match spool.read(run, &segments, unchanged, from).await {
                Ok(reader) => reader,
                Err(error) => {
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            loop {
                let mut block = spare.try_recv().unwrap_or_default();
                let read = match reader.next(&mut block).await {
                    Ok(true) => Ok(block),
                    Ok(false) => return,
                    Err(error) => Err(error),
                };
                // A delivery that has ended takes nothing more.
                let failed = read.is_err();
                if sender.send(read).await.is_err() || failed {
                    return;
                }
            }
        });
        Self { blocks: Some(blocks), task, used, current: None }
    }

    /// The block with the next call; `None` when there are no more calls.
    pub(crate) async fn block(&mut self) -> Result<Option<&mut Current>> {
        if self.current.as_ref().is_none_or(|c| c.next >= c.block.calls.len()) {
            if let Some(done) = self.current.take() {
                // The task may have ended.
                let _ = self.used.send(done.block);
            }
            let Some(blocks) = &mut self.blocks else { return Ok(None) };
            match blocks.recv().await {
                Some(block) => self.current = Some(Current { block: block?, next: 0 }),
                None => {
                    self.blocks = None;
                    // Only a task that has ended by itself has read everything.
                    if (&mut self.task).await.is_err() {
                        return Err(panicked("reading of the spool"));
                    }
                }
            }
        }
        Ok(self.current.as_mut())
    }

    /// Drops the calls that were not cut.
    pub(crate) fn stop(&mut self) {
        self.blocks = None;
        self.current = None;
    }
}
