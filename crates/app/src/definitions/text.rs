//! A project that comes as a text is moved into the server: what `plan` and `apply` do with a
//! folder.
//!
//! What always holds: the text is checked as the server's definitions are, with all else that is
//! defined, and no file that it names is read. What this does not do: read `include` or `targets`.

use outflow_core::BoxFuture;
use outflow_core::ports::state::DefinitionChange;
use outflow_engine::Errors;
use outflow_project::definitions_of_text;

use super::plan::{PlanDocument, plan};
use super::proposal::Proposal;
use crate::App;

impl App {
    /// What would change if the definitions of this `outflow.yaml` were the server's. `prune`: what
    /// the server owns and the text does not have is removed.
    ///
    /// # Errors
    /// Every problem of the text, and of the project that would be. C020: the files own a
    /// definition. The state, if it cannot be read.
    pub fn plan_text<'a>(
        &'a self,
        text: &'a str,
        prune: bool,
    ) -> BoxFuture<'a, Result<PlanDocument, Errors>> {
        Box::pin(async move {
            let definitions = definitions_of_text(text)?;
            let known = self.known_definitions().await?.unwrap_or_default();
            let plan = plan(&known, &definitions, prune)?;
            let changes: Vec<DefinitionChange> = plan.changes().cloned().collect();
            self.look_at_proposed(&Proposal::new(&known, &changes, &self.actor)?).await?;
            Ok(plan)
        })
    }
}
