//! What the process that serves shares with every clone of its [`App`](crate::App): who answers
//! what other processes ask over the control socket, and one open reader of the state.
//!
//! What always holds: the slot is filled from the moment at which this process supervises until it
//! no longer does. While it is filled, nothing in this process goes through the control socket or
//! opens the state again.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use outflow_core::{Actor, BoxFuture, Code, Error};
use outflow_engine::RunReader;
use tokio::runtime::Handle;

use crate::control::{Answer, Request};
use crate::live::Live;

/// Answers a request of this or another process, which acts for somebody.
type Answers = Box<dyn Fn(Request, Actor) -> BoxFuture<'static, Result<Answer, Error>> + Send + Sync>;

/// Writes the metrics as they are now.
type Metrics = Box<dyn Fn() -> BoxFuture<'static, Result<String, Error>> + Send + Sync>;

/// What a process that serves has in memory.
pub(crate) struct Serves {
    /// Answers requests.
    pub(crate) answers: Answers,
    /// Reads the state and the spool.
    pub(crate) reader: RunReader,
    /// What happens.
    pub(crate) live: Live,
    /// Its metrics.
    pub(crate) metrics: Metrics,
    /// The threads of the supervisor: what changes anything is done there.
    pub(crate) threads: Handle,
}

/// The place for it, shared by the clones of an `App`.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<RwLock<Option<Arc<Serves>>>>);

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot(serves: {})", self.get().is_some())
    }
}

impl Slot {
    /// What this process has, if it serves.
    pub(crate) fn get(&self) -> Option<Arc<Serves>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fills the slot until the guard is dropped.
    pub(crate) fn fill(&self, serves: Serves) -> Filled {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(serves));
        Filled(self.clone())
    }
}

/// Empties the slot when it is dropped: who answers and its `App` refer to each other.
pub(crate) struct Filled(Slot);

impl Drop for Filled {
    fn drop(&mut self) {
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Serves {
    /// Answers a request of this process, in a task of its own: whoever asked may go away, and what
    /// was asked is done all the same. A panic is an error for whoever asked.
    ///
    /// # Errors
    /// What is said to the request; T002 if that takes too long, E008 if it broke down.
    pub(crate) async fn answer(&self, request: Request, actor: Actor) -> Result<Answer, Error> {
        let patience = request.patience();
        let answered = self.threads.spawn((self.answers)(request, actor));
        let late = |_| {
            Error::new(Code::StateHeld, "the running Outflow did not answer in time")
                .help("look into its log; ask again")
        };
        let failed = |_| {
            Error::new(Code::TaskFailed, "the running Outflow failed while it did this")
                .help("look into its log")
        };
        tokio::time::timeout(patience, answered).await.map_err(late)?.map_err(failed)?
    }
}
