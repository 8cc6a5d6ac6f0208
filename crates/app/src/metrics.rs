//! The metrics of the process that serves.

use outflow_core::{BoxFuture, Code, Error};

use crate::App;

/// What [`App::metrics`] returns, as HTTP says it.
pub use outflow_telemetry::metrics::CONTENT_TYPE;

impl App {
    /// All metrics as they are now, in the text format of Prometheus.
    ///
    /// # Errors
    /// T002: this process does not serve. The state cannot be read.
    pub fn metrics<'a>(&'a self) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move {
            let none = || Error::new(Code::StateHeld, "only a process that serves has metrics");
            let serves = self.slot.get().ok_or_else(none)?;
            (serves.metrics)().await
        })
    }
}
