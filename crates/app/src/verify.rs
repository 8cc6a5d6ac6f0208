//! Proves that a run's numbers add up, from its segments and its state; and checks the whole state.

use outflow_engine::Errors;
use outflow_engine::operations::verify::Verification;
use outflow_engine::operations::verify_all::StateVerification;

use crate::App;
use crate::look::{self, RunName};

impl App {
    /// Recounts a run.
    pub async fn verify(&self, run: RunName) -> Result<Verification, Errors> {
        let reader = self.reader().await?;
        let run = look::run(&reader, &run).await?.id;
        Ok(reader.verify(run).await?)
    }

    /// Checks the state itself, and recounts every run that is kept.
    pub async fn verify_all(&self) -> Result<StateVerification, Errors> {
        Ok(self.reader().await?.verify_all().await?)
    }
}
