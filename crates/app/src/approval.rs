//! What becomes of a run that awaits approval.

use std::time::Duration;

use outflow_core::ports::state::StateReader;
use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::{BoxFuture, Error, RunId};
use outflow_engine::serve::BacklogQuota;
use outflow_engine::{Errors, RunDocument, RunRequest, Seconds};

use crate::control::Request;
use crate::look::{self, RunName};
use crate::recorded::{Act, recorded};
use crate::{App, Caller, Event, RunOutcome, making};

/// Which run to deliver.
#[derive(Clone, Debug)]
pub struct ApproveRequest {
    /// The run; of a sync, the one that awaits approval.
    pub run: RunName,
    /// A delivery stops when its destination has taken nothing for this long.
    pub delivery_timeout: Duration,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// Which run to drop.
#[derive(Clone, Debug)]
pub struct RejectRequest {
    /// The run; of a sync, the one that awaits approval.
    pub run: RunName,
    /// `last_sync_time` moves as if the run had been sent.
    pub skip_window: bool,
    /// Wait while another process holds the state.
    pub wait: bool,
}

impl App {
    /// Approves the run and delivers it, or follows its delivery by a running `serve`.
    pub fn approve<'a>(
        &'a self,
        request: &'a ApproveRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<RunOutcome, Errors>> {
        Box::pin(async move {
            // A mistyped number is reported before anything waits for the state or reads the
            // project.
            let record = look::waiting(&*self.reader().await?.state, &request.run).await?;
            let (run, sync) = (record.id, record.sync);
            let document = if self.ask(&Request::Approve { run }, caller).await?.is_some() {
                (caller.listener)(Event::Approved { sync: &sync, run });
                self.follow(run, request.delivery_timeout, caller).await?
            } else {
                let engine = self.engine(&self.load().await?, request.wait, caller).await?;
                let act = Some(Act::approve(run));
                recorded(&*engine.state, &self.actor, act, engine.approve(run)).await?;
                let delivery = RunRequest {
                    options: RunOptions::default(),
                    trigger: RunTrigger::Manual,
                    due_at: None,
                    delivery_timeout: Some(request.delivery_timeout),
                    backlog: BacklogQuota::default(),
                    side: None,
                    observer: making::observer(&caller.listener, &sync),
                };
                // Runs of a sync are delivered in order, so an older one may have stopped before
                // this one.
                match engine.finish(&sync, &delivery).await? {
                    Some(document) => document,
                    None => document(&*engine.state, run).await?,
                }
            };
            let outcome = RunOutcome::Ran(Box::new(document));
            (caller.listener)(Event::Ended(&outcome));
            Ok(outcome)
        })
    }

    /// Drops the run.
    pub fn reject<'a>(
        &'a self,
        request: &'a RejectRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<RunDocument, Errors>> {
        Box::pin(async move {
            let RejectRequest { skip_window, wait, .. } = *request;
            let run = look::waiting(&*self.reader().await?.state, &request.run).await?.id;
            if self.ask(&Request::Reject { run, skip_window }, caller).await?.is_none() {
                let engine = self.engine(&self.load().await?, wait, caller).await?;
                let act = Some(Act::reject(run, skip_window));
                recorded(&*engine.state, &self.actor, act, engine.reject(run, skip_window)).await?;
            }
            Ok(document(&*self.reader().await?.state, run).await?)
        })
    }
}

async fn document(state: &dyn StateReader, run: RunId) -> Result<RunDocument, Error> {
    let record = state.run(run).await?.ok_or_else(|| look::unknown(run))?;
    let seconds = Seconds::between(&record);
    Ok(RunDocument::of(&record, state.deliveries(run).await?, false, seconds))
}
