//! Gives up calls that wait for a destination that the project no longer has.

use outflow_core::BoxFuture;
use outflow_engine::Errors;
use outflow_engine::operations::cancel::CancelReport;

use crate::control::{self, Answer, Request};
use crate::recorded::{Act, recorded};
use crate::{App, Caller};

/// What to give up.
#[derive(Clone, Debug)]
pub struct CancelRequest {
    /// The destination.
    pub destination: String,
    /// Of this sync alone.
    pub sync: Option<String>,
    /// Wait while another process holds the state.
    pub wait: bool,
}

impl App {
    /// Gives the calls up, or has the running `serve` do it.
    ///
    /// # Errors
    /// C012: the project has the destination. C011: nothing waits for it.
    pub fn cancel<'a>(
        &'a self,
        request: &'a CancelRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<CancelReport, Errors>> {
        Box::pin(async move {
            let CancelRequest { destination, sync, wait } = request.clone();
            let asked = Request::Cancel { destination: destination.clone(), sync: sync.clone() };
            match self.ask(&asked, caller).await? {
                Some(Answer::Cancelled(report)) => return Ok(report),
                Some(_) => return Err(control::other_answer().into()),
                None => {}
            }
            let engine = self.engine(&self.load().await?, wait, caller).await?;
            let act = Act::cancel(&destination, sync.as_deref());
            let work = engine.cancel(&destination, sync.as_deref());
            Ok(recorded(&*engine.state, &self.actor, Some(act), work).await?)
        })
    }
}
