//! Slots that come while one requested run goes on: another process hands them over.
//!
//! What always holds: a slot begins its run, or is recorded as skipped, while runs are being
//! delivered and while what fills a gap is being read; what has begun is finished. What it does not
//! do: decide whether a slot's run may begin.

use std::sync::Arc;

use outflow_core::ports::warehouse::Warehouse;
use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::{SyncSpec, Timestamp};
use tokio::sync::oneshot;

use super::super::side::{Begun, SideSlot};
use super::super::{driver, queues};
use super::Once;
use crate::Errors;
use crate::event::Event;

impl Once<'_> {
    /// Resolves when the queues have no task. Slots that come meanwhile begin further runs.
    pub(super) async fn queues_ended(&self) -> Result<(), Errors> {
        loop {
            self.taking_slots(self.shared.queues.ended()).await??;
            // A slot that came last has put its run into a queue.
            if !self.shared.queues.has_tasks() {
                return Ok(());
            }
        }
    }

    /// Works, and begins runs for the slots that come meanwhile, one at a time.
    pub(super) async fn taking_slots<T>(&self, work: impl Future<Output = T>) -> Result<T, Errors> {
        let Some((entered, spec, warehouse)) = &self.side else { return Ok(work.await) };
        let mut inbox = entered.inbox.lock().await;
        let (mut done, mut slot) = (None, None);
        tokio::pin!(work);
        loop {
            let (works, is_free) = (done.is_none(), done.is_none() && slot.is_none());
            let begins = async {
                match slot.as_mut() {
                    Some(begins) => begins.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                worked = &mut work, if works => done = Some(worked),
                begun = begins => {
                    slot = None;
                    begun?;
                }
                Some(SideSlot { slot: at, reply }) = inbox.recv(), if is_free => {
                    slot = Some(Box::pin(self.begin_slot(spec, *warehouse, at, reply)));
                }
            }
            if slot.is_none()
                && let Some(done) = done.take()
            {
                return Ok(done);
            }
        }
    }

    /// A slot comes while earlier runs are being delivered.
    async fn begin_slot(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        slot: Timestamp,
        reply: oneshot::Sender<outflow_core::Result<Begun>>,
    ) -> Result<(), Errors> {
        let left_out = match self.may_begin(spec).await? {
            Ok(left_out) => left_out,
            Err(busy) => {
                let run = self.engine.skip_slot(spec, slot, &busy, &self.request.observer).await;
                // The process that asked may have ended.
                let _ = reply.send(run.map(Begun::Skipped));
                return Ok(());
            }
        };
        let (options, trigger) = (RunOptions::default(), RunTrigger::Schedule);
        let request = driver::Request { options, trigger, due_at: Some(slot), skipped: left_out.all };
        let record = driver::create(self.engine, spec, request).await?;
        let _ = reply.send(Ok(Begun::Started(record.id)));
        driver::started(&self.shared, &record, false);
        match driver::extract(&self.shared, self.engine, spec, warehouse, &record).await {
            Ok(()) => queues::enqueue(&self.shared, record.id).await?,
            Err(errors) => {
                for error in self.engine.fail(spec, &record, errors).await.0 {
                    (self.request.observer)(Event::Problem { error: Arc::new(error) });
                }
            }
        }
        Ok(())
    }
}
