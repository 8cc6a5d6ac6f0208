//! Proves that a run's numbers add up, from its segments and its state.

use outflow_engine::Errors;
use outflow_engine::operations::verify::Verification;

use crate::App;
use crate::look::{self, RunName};

impl App {
    /// Recounts a run.
    pub async fn verify(&self, run: RunName) -> Result<Verification, Errors> {
        self.read(move |engine| Ok(engine.verify(look::run(engine, &run)?.id)?)).await
    }
}
