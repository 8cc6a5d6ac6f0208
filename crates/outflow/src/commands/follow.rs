//! Following a run that another process works on.

use std::time::Duration;

use outflow_core::ports::state::State as _;
use outflow_core::{Code, DeliveryState, Error, RunId};
use outflow_engine::{RunDocument, Seconds};
use outflow_state::SqliteState;

use crate::cli::Common;
use crate::wiring;

/// How often the state is looked into.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Waits until a run is at its end, is held, or waits for nothing but destinations that have stopped.
pub async fn to_its_end(common: &Common, run: RunId) -> Result<RunDocument, Error> {
    let state = SqliteState::open_read_only(&wiring::state_dir(common))?;
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let Some(record) = state.run(run)? else {
            return Err(Error::new(Code::NoSuchSyncOrRun, format!("there is no run {run}")));
        };
        let deliveries = state.deliveries(run)?;
        let any = |state| deliveries.iter().any(|d| d.state == state);
        // When all are settled, the run's own end is about to be recorded.
        let stuck = any(DeliveryState::Stopped) && !any(DeliveryState::Delivering);
        if record.state.is_final() || record.state == outflow_core::RunState::AwaitingApproval || stuck {
            return Ok(RunDocument::of(&record, deliveries, false, Seconds::between(&record)));
        }
    }
}
