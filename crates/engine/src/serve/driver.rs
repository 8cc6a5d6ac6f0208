//! The life of a run, step by step: the only place that creates runs and extracts them.
//!
//! Actors ([`super::actor`]) take these steps when a slot or a request says so, and [`super::once`]
//! takes them for one requested run. Both hand a committed run to the delivery queues
//! ([`super::queues`]), which end it. What this module does not do: decide when a run begins, or
//! repeat a step.

use outflow_core::ports::state::NewRun;
use outflow_core::ports::warehouse::Warehouse;
use outflow_core::run::{RunKind, RunOptions, RunTrigger};
use outflow_core::{Code, Error, Result, RunId, RunRecord, SyncSpec, Timestamp};
use tracing::Instrument as _;

use super::Shared;
use crate::event::Event;
use crate::extract::Extractor;
use crate::operations::unfillable;
use crate::run::{run_spec, source_of, spec_of_run};
use crate::schedule::{self, Due, Since, Slots};
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

/// Creates a run. One that fills what runs with an earlier query have left out has that query.
pub(super) async fn create(engine: &Engine, spec: &SyncSpec, request: Request) -> Result<RunRecord> {
    let query_of = query_of(&request.options);
    let mut new = new_run(engine, spec, request);
    if let Some(run) = query_of
        && let Some(earlier) = engine.state.run(run).await?
    {
        new.call_type = earlier.call_type;
        (new.spec.query, new.spec.source) = (earlier.spec.query, earlier.spec.source);
        new.spec.ids = earlier.spec.ids;
    }
    engine.state.create_run(&new).await
}

/// The run whose query a run has that fills a gap, if it is not that of the sync.
fn query_of(options: &RunOptions) -> Option<RunId> {
    match &options.kind {
        RunKind::Backfill { query_of, .. } => *query_of,
        _ => None,
    }
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
    let extracted = match check_source(next, record) {
        Ok(()) => {
            let observer = &shared.observer;
            let extractor = Extractor { engine, spec: &spec, next, warehouse, run: record, observer };
            // The largest future of a run: whoever waits for it holds a pointer.
            Box::pin(extractor.run()).instrument(spans::run(record)).await
        }
        Err(error) => Err(error.into()),
    };
    match query_of(&record.spec.options) {
        Some(run) => extracted.map_err(|errors| unfillable::explained(record, run, errors)),
        None => extracted,
    }
}

/// E009: the query that a run keeps was written for the source that it keeps, too.
fn check_source(spec: &SyncSpec, record: &RunRecord) -> Result<()> {
    let (kept, current) = (&record.spec.source, source_of(spec));
    if *kept == current {
        return Ok(());
    }
    let message = format!(
        "run {} of {} began with the source {kept}, and the sync now reads {current}",
        record.id, record.sync
    );
    Err(Error::new(Code::SourceChanged, message)
        .help("nothing was read or sent: the next run reads what this one would have read"))
}

impl Engine {
    /// Where a sync's schedule stands; `None` for a sync without one. A calendar that is seen for
    /// the first time begins now, which is recorded.
    ///
    /// If the last slot was fired by a clock that was ahead, the schedule goes on from before that,
    /// which is recorded as a skipped run, so that people see it.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn position(&self, spec: &SyncSpec, slots: &Slots, now: Timestamp) -> Result<Option<Position>> {
        let fired = match schedule::since(slots, self.state.fired(&spec.name).await?) {
            Since::Fired(slot) => slot,
            Since::Beginning => Timestamp::MIN,
            Since::Never => return Ok(None),
            Since::Now => {
                self.state.set_fired(&spec.name, now).await?;
                now
            }
        };
        let due = |fired| match schedule::due(slots, fired, now) {
            Due::Slot(slot) => Some(slot),
            Due::Nothing | Due::Ahead => None,
        };
        if schedule::due(slots, fired, now) != Due::Ahead {
            return Ok(Some(Position { fired, due: due(fired), reset: None }));
        }
        let earlier = self.state.fired_by(&spec.name, now).await?;
        let resumed = schedule::resume(slots, earlier, now);
        let reason = format!(
            "the slot of {fired:.0} was fired by a clock that was ahead: the schedule goes on from {resumed:.0}"
        );
        let request = Request {
            options: RunOptions::default(),
            trigger: RunTrigger::Schedule,
            due_at: Some(resumed),
            skipped: Vec::new(),
        };
        let new = new_run(self, spec, request);
        let record = self.state.skip_run(&new, None, &(Code::ClockJumped, reason.clone())).await?;
        let reset = Some(Event::Skipped { sync: spec.name.clone(), run: record.id, slot: fired, reason });
        Ok(Some(Position { fired: resumed, due: due(resumed), reset }))
    }
}

/// Where a schedule stands.
#[derive(Clone, Debug)]
pub struct Position {
    /// The last slot that counts as fired.
    pub fired: Timestamp,
    /// The slot to fire now.
    pub due: Option<Timestamp>,
    /// What to report: the schedule has just been set back to `fired`.
    pub reset: Option<Event>,
}
