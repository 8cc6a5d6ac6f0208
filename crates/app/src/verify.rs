//! Proves that a run's numbers add up, from its segments and its state.

use outflow_engine::Errors;
use outflow_engine::operations::verify::Verification;

use crate::App;
use crate::look::{self, RunName};

impl App {
    /// Recounts a run.
    pub async fn verify(&self, run: RunName) -> Result<Verification, Errors> {
        let reader = self.reader().await?;
        let run = look::run(&reader, &run).await?.id;
        Ok(reader.verify(run).await?)
    }
}
