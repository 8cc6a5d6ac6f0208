//! The life of a run, step by step: the only place that creates runs and extracts them.
//!
//! Actors ([`super::actor`]) take these steps when a slot or a request says so, and [`super::once`]
//! takes them for one requested run. Both hand a committed run to the delivery queues
//! ([`super::queues`]), which end it. What this module does not do: decide when a run begins, or
//! repeat a step.

use outflow_core::ports::state::NewRun;
use outflow_core::ports::warehouse::Warehouse;
use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::{Result, RunRecord, SyncSpec, Timestamp};
use tracing::Instrument as _;

use super::Shared;
use crate::event::Event;
use crate::extract::Extractor;
use crate::run::{run_spec, spec_of_run};
use crate::schedule::{self, Since, Slots};
use crate::{Engine, Errors, spans};

/// What a run is created with.
pub(super) struct Request {
    pub(super) options: RunOptions,
    pub(super) trigger: RunTrigger,
    /// The slot; `None`: now.
    pub(super) due_at: Option<Timestamp>,
    /// Destinations that an incremental run skips.
    pub(super) skipped: Vec<String>,
}

/// What the state records of a run to be.
pub(super) fn new_run(engine: &Engine, spec: &SyncSpec, request: Request) -> NewRun {
    let now = engine.clock.now();
    NewRun {
        sync: spec.name.clone(),
        call_type: spec.call_type,
        trigger: request.trigger,
        spec: run_spec(spec, &request.options, request.skipped),
        due_at: request.due_at.unwrap_or(now),
        started_at: now,
    }
}

/// Creates a run.
pub(super) async fn create(engine: &Engine, spec: &SyncSpec, request: Request) -> Result<RunRecord> {
    engine.state.create_run(&new_run(engine, spec, request)).await
}

/// Reports that a run begins or continues.
pub(super) fn started(shared: &Shared, record: &RunRecord, resumed: bool) {
    (shared.observer)(Event::Started { sync: record.sync.clone(), run: record.id, resumed });
}

/// Extracts a run, with its copy of the sync. Afterwards it can be put into the queues.
pub(super) async fn extract(
    shared: &Shared,
    engine: &Engine,
    spec: &SyncSpec,
    warehouse: &dyn Warehouse,
    record: &RunRecord,
) -> std::result::Result<(), Errors> {
    let next = spec;
    let spec = spec_of_run(spec, record);
    let extractor =
        Extractor { engine, spec: &spec, next, warehouse, run: record, observer: &shared.observer };
    extractor.run().instrument(spans::run(record)).await
}

impl Engine {
    /// The last slot of a sync that counts as fired; `None` for a sync without a schedule. A
    /// calendar that is seen for the first time begins now, which is recorded.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn last_fired(&self, sync: &str, slots: &Slots, now: Timestamp) -> Result<Option<Timestamp>> {
        let fired = self.state.fired(sync).await?;
        match schedule::since(slots, fired) {
            Since::Fired(slot) => Ok(Some(slot)),
            Since::Beginning => Ok(Some(Timestamp::MIN)),
            Since::Never => Ok(None),
            Since::Now => {
                self.state.set_fired(sync, now).await?;
                Ok(Some(now))
            }
        }
    }
}
