//! Following a run that another process works on.

use std::time::Duration;

use outflow_core::{DeliveryState, Error, RunId, RunState};
use outflow_engine::{RunDocument, Seconds};

use crate::{App, look};

/// How often the state is looked into.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl App {
    /// Waits until a run has ended, waits for approval, or waits only for destinations that have
    /// stopped.
    pub(crate) async fn follow(&self, run: RunId) -> Result<RunDocument, Error> {
        let reader = self.reader().await?;
        let state = reader.state.clone();
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let found = (state.run(run).await?, state.deliveries(run).await?);
            let (Some(record), deliveries) = found else { return Err(look::unknown(run)) };
            let any = |state| deliveries.iter().any(|d| d.state == state);
            // When every delivery has ended, the end of the run is about to be recorded.
            let stuck = any(DeliveryState::Stopped) && !any(DeliveryState::Delivering);
            if record.state.is_final() || record.state == RunState::AwaitingApproval || stuck {
                let mut missing = reader.missing(&record.sync).await?;
                let sends_to = |name: &str| record.spec.connections.iter().any(|c| c.destination == name);
                missing.retain(|missing| sends_to(&missing.destination));
                let document = RunDocument::of(&record, deliveries, false, Seconds::between(&record));
                return Ok(RunDocument { missing, ..document });
            }
        }
    }
}
