//! Proves that a run's numbers add up, from its segments and its state; and checks the whole state.

use outflow_core::BoxFuture;
use outflow_engine::Errors;
use outflow_engine::operations::verify::Verification;
use outflow_engine::operations::verify_all::StateVerification;

use crate::App;
use crate::look::{self, RunName};

impl App {
    /// Recounts a run.
    pub fn verify<'a>(&'a self, run: RunName) -> BoxFuture<'a, Result<Verification, Errors>> {
        Box::pin(async move {
            let reader = self.reader().await?;
            let run = look::run(&reader, &run).await?.id;
            Ok(reader.verify(run).await?)
        })
    }

    /// Checks the state itself, and recounts every run that is kept.
    pub fn verify_all<'a>(&'a self) -> BoxFuture<'a, Result<StateVerification, Errors>> {
        Box::pin(async move { Ok(self.reader().await?.verify_all().await?) })
    }
}
