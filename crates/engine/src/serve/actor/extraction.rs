//! The extraction that an actor begins, as a task of its own.
//!
//! What always holds: it takes permits before it reads, its run goes into the queues or ends, and a
//! panic ends the run alone. What it does not do: decide what follows.

use std::sync::Arc;

use outflow_core::{Code, Error, Result, RunRecord, SyncSpec};
use tokio::time::Instant;

use super::super::admission::fills_gap;
use super::super::tasks::{contained, panicked, report};
use super::super::{RestartPolicy, RuntimeConfig, Shared, SyncRuntime, driver, queues};
use crate::Errors;
use crate::event::{Event, Observer};
use crate::operations::unfillable::passes;
use crate::stop::stopped;

/// How an extraction ended.
pub(super) enum ExtractionOutcome {
    /// Committed, failed for good, or awaiting approval.
    Done,
    /// It failed because of the source or the disk, for now.
    TryAgain,
    /// The process stops.
    Stopped,
}

/// Waits for its permits, extracts, and puts the run into the queues. An error is one of the state:
/// the supervisor cannot go on with it.
pub(super) async fn extract(
    shared: Arc<Shared>,
    config: Arc<RuntimeConfig>,
    sync_runtime: SyncRuntime,
    record: RunRecord,
) -> Result<ExtractionOutcome> {
    let mut stop = config.engine.stop.clone();
    let permits = shared.permits_for(&record.spec.source, fills_gap(&record));
    let all = async {
        let mut taken = Vec::new();
        for permit in permits {
            taken.push(permit.acquire_owned().await);
        }
        taken
    };
    let _permits = tokio::select! {
        permits = all => permits,
        () = stopped(&mut stop) => return Ok(ExtractionOutcome::Stopped),
    };
    let SyncRuntime { spec, warehouse } = sync_runtime;
    let extracting = {
        let (shared, config, spec, record) = (shared.clone(), config.clone(), spec.clone(), record.clone());
        async move { driver::extract(&shared, &config.engine, &spec, warehouse.as_ref(), &record).await }
    };
    let extracted = match contained(extracting).await {
        Ok(extracted) => extracted,
        // The run fails, and the next one reads its window again.
        Err(_) => Err(extraction_panicked(&shared, &config, &record).into()),
    };
    match extracted {
        Ok(()) => queues::enqueue(&shared, record.id).await.map(|()| ExtractionOutcome::Done),
        // The run stays as it is; the next process begins it again.
        Err(_) if *stop.borrow() => Ok(ExtractionOutcome::Stopped),
        Err(errors) => fail(&config, &spec, &record, errors, &shared.observer).await,
    }
}

/// Reports a panic in an extraction. Returns why its run fails.
fn extraction_panicked(shared: &Shared, config: &RuntimeConfig, record: &RunRecord) -> Error {
    let task = format!("extraction of {}", record.sync);
    let moment = (Instant::now(), config.engine.clock.now());
    // The next slot begins the next extraction, so there is no pause to wait for.
    let _ = shared.tasks.failed(
        &task,
        Code::TaskFailed,
        moment,
        &RestartPolicy { times: usize::MAX, ..config.limits.restarts },
    );
    report(shared, panicked(&task));
    panicked(&task)
}

async fn fail(
    config: &RuntimeConfig,
    spec: &SyncSpec,
    record: &RunRecord,
    errors: Errors,
    observer: &Observer,
) -> Result<ExtractionOutcome> {
    let passes = errors.0.iter().all(|e| passes(e.code()));
    let mut told = Vec::new();
    for error in config.engine.fail(spec, record, errors).await.0 {
        if matches!(error.code(), Code::StateHeld | Code::StateIo) {
            return Err(error);
        }
        told.push(Arc::new(error));
    }
    observer(Event::Failed { sync: record.sync.clone(), run: record.id, errors: told });
    Ok(if passes { ExtractionOutcome::TryAgain } else { ExtractionOutcome::Done })
}
