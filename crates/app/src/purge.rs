//! Removes a person from what is kept.

use outflow_core::BoxFuture;
use outflow_engine::operations::purge::PurgeReport;
use outflow_engine::{Errors, RunReader};

use crate::control::{self, Answer, Request};
use crate::recorded::{Act, recorded};
use crate::{App, Caller, holder, wiring};

/// Whom to remove.
#[derive(Clone, Debug)]
pub struct PurgeRequest {
    /// The id of the person in calls.
    pub id: String,
    /// Say what would be removed, and remove nothing.
    pub dry_run: bool,
    /// Wait while another process holds the state.
    pub wait: bool,
}

impl App {
    /// Removes the person, or says what would be removed.
    pub fn purge<'a>(
        &'a self,
        request: &'a PurgeRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<PurgeReport, Errors>> {
        Box::pin(async move {
            let id = request.id.clone();
            if request.dry_run {
                let reader = RunReader { stop: caller.stop.clone(), ..self.reader().await? };
                return Ok(reader.plan_purge(&id).await?);
            }
            match self.ask(&Request::Purge { id: id.clone() }, caller).await? {
                Some(Answer::Purged(report)) => return Ok(report),
                Some(_) => return Err(control::other_answer().into()),
                None => {}
            }
            let state = holder::open_state(self, request.wait, caller).await?;
            let mut engine = wiring::keeper(&self.folder, state)?;
            engine.stop = caller.stop.clone();
            let act = Act::purge(&id, engine.state.installation());
            Ok(recorded(&*engine.state, &self.actor, Some(act), engine.purge(&id)).await?)
        })
    }
}
