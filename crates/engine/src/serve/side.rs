//! Slots that come while a process runs syncs for somebody: another process hands them over, as
//! only one can hold the state.
//!
//! What always holds: a sync that is being run here gets its slot from the run in progress, by the
//! rule of every slot ([`super::busy`]): a run of its own behind the earlier ones, or a skipped run
//! with the reason. What it does not do: look for slots, or run syncs that are not being run here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::{Code, Result, RunId, RunState, SyncSpec, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::admission::hold;
use super::driver;
use super::queues::Busy;
use crate::Engine;
use crate::event::{Event, Observer};

/// What became of a slot that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// This run has begun.
    Started(RunId),
    /// The sync is busy: this skipped run says why.
    Skipped(RunId),
    /// A run of the sync is about to begin anyway.
    Coming,
}

/// A slot, and where to say what became of it.
pub(super) struct SideSlot {
    pub(super) slot: Timestamp,
    pub(super) reply: oneshot::Sender<Result<Begun>>,
}

/// The syncs that are being run here. `None`: its run has not begun yet.
#[derive(Default)]
pub struct SideRequests(Mutex<HashMap<String, Option<mpsc::Sender<SideSlot>>>>);

/// A run of a sync that takes slots, until this is dropped.
pub(super) struct Entered {
    requests: Arc<SideRequests>,
    sync: String,
    pub(super) inbox: tokio::sync::Mutex<mpsc::Receiver<SideSlot>>,
}

impl SideRequests {
    /// The sync is going to be run.
    pub fn announce(&self, sync: &str) {
        self.lock().entry(sync.to_owned()).or_default();
    }

    /// The sync is being run from now on.
    pub(super) fn enter(self: &Arc<Self>, sync: &str) -> Entered {
        let (sender, inbox) = mpsc::channel(4);
        self.lock().insert(sync.to_owned(), Some(sender));
        let inbox = tokio::sync::Mutex::new(inbox);
        Entered { requests: self.clone(), sync: sync.to_owned(), inbox }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Option<mpsc::Sender<SideSlot>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.requests.lock().remove(&self.sync);
    }
}

impl Engine {
    /// A slot of a sync has come. `None`: the sync is not being run here, so it can be run now.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn slot_beside(
        &self,
        requests: &SideRequests,
        spec: &SyncSpec,
        slot: Timestamp,
        observer: &Observer,
    ) -> Result<Option<Begun>> {
        let sender = match requests.lock().get(&spec.name) {
            None => return Ok(None),
            Some(None) => return Ok(Some(Begun::Coming)),
            Some(Some(sender)) => sender.clone(),
        };
        // While it reads, it takes no slots.
        let unfinished = self.state.unfinished_of(&spec.name).await?;
        if let Some(run) = unfinished.iter().find(|run| hold(run).keeps(true)) {
            let busy = Busy::with_run(run.id, run.state);
            return self.skip_slot(spec, slot, &busy, observer).await.map(|run| Some(Begun::Skipped(run)));
        }
        let (reply, answer) = oneshot::channel();
        if sender.send(SideSlot { slot, reply }).await.is_err() {
            return Ok(None);
        }
        answer.await.map_or(Ok(None), |begun| begun.map(Some))
    }

    /// Records that a slot found its sync busy.
    pub(super) async fn skip_slot(
        &self,
        spec: &SyncSpec,
        slot: Timestamp,
        busy: &Busy,
        observer: &Observer,
    ) -> Result<RunId> {
        let request = driver::Request {
            options: RunOptions::default(),
            trigger: RunTrigger::Schedule,
            due_at: Some(slot),
            skipped: Vec::new(),
        };
        let new = driver::new_run(self, spec, request);
        let reason = (busy.code, busy.reason.clone());
        let run = self.state.skip_run(&new, busy.run, &reason).await?.id;
        observer(Event::Skipped { sync: spec.name.clone(), run, slot, reason: reason.1 });
        Ok(run)
    }
}

impl Busy {
    /// A run of the sync is not over.
    pub(super) fn with_run(run: RunId, state: RunState) -> Self {
        let (code, reason) = (Code::RunInProgress, format!("run {run} is {state}"));
        Self { run: Some(run), code, reason, awaiting_approval: None, slot_waits: false }
    }
}
