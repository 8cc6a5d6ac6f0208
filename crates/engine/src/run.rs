//! One run from its creation to its document.

use std::time::{Duration, Instant};

use outflow_core::ports::state::{NewRun, State, SyncState};
use outflow_core::ports::warehouse::Warehouse;
use outflow_core::run::{RunOptions, RunSpec, Trigger};
use outflow_core::{
    Code, Connection, Error, FirstRun, Nulls, RunId, RunRecord, RunState, SyncSpec, Timestamp,
};

use crate::extract::Extractor;
use crate::operations::{approval, replay};
use crate::progress::{Event, Progress};
use crate::report::{RunDocument, Seconds};
use crate::{Engine, Errors, blocking};

/// How a run is asked for.
#[derive(Clone)]
pub struct RunRequest {
    /// How it differs from an ordinary one.
    pub options: RunOptions,
    /// What sets it off.
    pub trigger: Trigger,
    /// When it was due; now if nobody planned it.
    pub due_at: Option<Timestamp>,
    /// How long a destination may take nothing before the run gives up for now; `None`: for ever.
    pub delivery_timeout: Option<Duration>,
    /// Who wants to know.
    pub progress: Progress,
}

impl Engine {
    /// Runs a sync: finishes its unfinished runs in order if there are any, else makes a new one.
    ///
    /// The document says what came of it, also when destinations stopped with calls pending (state `delivering`). Of several unfinished runs it is the last that was worked on.
    ///
    /// # Errors
    /// Every problem that ended the run before its extraction was committed, or that the state or the spool has. The run is then `failed` or `cancelled`, and
    /// `last_sync_time` has not moved.
    pub async fn run(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        request: &RunRequest,
    ) -> Result<RunDocument, Errors> {
        let Some(mut record) = self.unfinished(&spec.name).await? else {
            let record = self.create(spec, request).await?;
            return self.work(spec, warehouse, request, record, false).await;
        };
        loop {
            let document = self.work(spec, warehouse, request, record, true).await?;
            match self.unfinished(&spec.name).await?.filter(|_| document.state.is_final()) {
                Some(next) => record = next,
                None => return Ok(document),
            }
        }
    }

    /// Makes a run beside those of the sync that are not at their end: for replays and for catching up, which concern one destination.
    ///
    /// # Errors
    /// E004: older calls of the same people are pending at the destination. Else as [`Engine::run`].
    pub async fn run_beside(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        request: &RunRequest,
    ) -> Result<RunDocument, Errors> {
        let (engine, name, options) = (self.clone(), spec.name.clone(), request.options.clone());
        blocking(move || replay::in_the_way(&engine, &name, &options)).await?;
        let record = self.create(spec, request).await?;
        self.work(spec, warehouse, request, record, false).await
    }

    /// Takes a run as far as it goes now.
    async fn work(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        request: &RunRequest,
        record: RunRecord,
        resumed: bool,
    ) -> Result<RunDocument, Errors> {
        if record.state == RunState::AwaitingApproval {
            return Err(approval::waits(&record).into());
        }
        (request.progress)(Event::Started { run: record.id, resumed });
        let mut seconds = Seconds::default();
        if record.state != RunState::Delivering {
            let started = Instant::now();
            let spec = pinned_spec(spec, &record);
            let extractor =
                Extractor { engine: self, spec: &spec, warehouse, run: &record, progress: &request.progress };
            if let Err(errors) = extractor.run().await {
                return Err(self.fail(&spec, &record, errors).await);
            }
            seconds.extract = started.elapsed().as_secs_f64();
        }
        self.deliver_run(&record, request, resumed, seconds).await
    }

    /// Delivers what a sync has committed, run by run in their order, and extracts nothing. `None`: there was nothing.
    ///
    /// # Errors
    /// Those of [`Engine::run`] about deliveries.
    pub async fn finish(&self, sync: &str, request: &RunRequest) -> Result<Option<RunDocument>, Errors> {
        let mut last = None;
        while let Some(record) = self.unfinished(sync).await?.filter(|r| r.state == RunState::Delivering) {
            (request.progress)(Event::Started { run: record.id, resumed: true });
            let document = self.deliver_run(&record, request, true, Seconds::default()).await?;
            let is_over = document.state.is_final();
            last = Some(document);
            if !is_over {
                break;
            }
        }
        Ok(last)
    }

    /// The second half of a run.
    async fn deliver_run(
        &self,
        record: &RunRecord,
        request: &RunRequest,
        resumed: bool,
        mut seconds: Seconds,
    ) -> Result<RunDocument, Errors> {
        let started = Instant::now();
        let delivered = self.deliver_all(record.id, request).await;
        seconds.deliver = started.elapsed().as_secs_f64();
        match delivered {
            Ok(()) => {}
            Err(error) if matches!(error.code(), Code::SegmentDamaged | Code::SegmentMissing) => {
                self.lose(record, &error).await?;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        }
        self.document(record.id, resumed, seconds).await.map_err(Errors::from)
    }

    /// The sync's oldest run that is not at its end.
    async fn unfinished(&self, sync: &str) -> outflow_core::Result<Option<RunRecord>> {
        let (state, name) = (self.state.clone(), sync.to_owned());
        blocking(move || state.unfinished(&name)).await
    }

    async fn create(&self, spec: &SyncSpec, request: &RunRequest) -> outflow_core::Result<RunRecord> {
        let now = self.clock.now();
        let (engine, sync) = (self.clone(), spec.clone());
        let skipped = blocking(move || engine.skipped(&sync)).await?;
        let new = NewRun {
            sync: spec.name.clone(),
            call_type: spec.call_type,
            trigger: request.trigger,
            pinned: pinned(spec, &request.options, skipped),
            due_at: request.due_at.unwrap_or(now),
            started_at: now,
        };
        let state = self.state.clone();
        blocking(move || state.create_run(&new)).await
    }

    /// Delivers to every connection side by side; ends the run when nothing is pending anywhere.
    async fn deliver_all(&self, run: RunId, request: &RunRequest) -> outflow_core::Result<()> {
        let state = self.state.clone();
        let (record, deliveries) = blocking(move || {
            let record = state.run(run)?.ok_or_else(|| gone(run))?;
            Ok((record, state.deliveries(run)?))
        })
        .await?;
        if record.state != RunState::Delivering {
            // Nothing was to be delivered, and the extraction's own transaction has ended the run; or a guard holds it.
            return Ok(());
        }
        let mut tasks = tokio::task::JoinSet::new();
        for delivery in deliveries {
            // Whoever asks for a run wants a destination that stopped earlier to be tried again: with one request.
            if let Some(destination) = self.destinations.get(&delivery.destination) {
                self.limiters.of(destination.as_ref()).resume();
            }
            let (engine, record, request) = (self.clone(), record.clone(), request.clone());
            tasks.spawn(async move { engine.deliver(&record, delivery, &request).await });
        }
        let mut first_error = None;
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => first_error = first_error.or(Some(error)),
                Err(join) => {
                    let error = Error::new(Code::SpoolIo, "a delivery ended before its time").caused_by(join);
                    first_error = first_error.or(Some(error));
                }
            }
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        let (state, now) = (self.state.clone(), self.clock.now());
        blocking(move || state.conclude(run, now)).await.map(drop)
    }

    /// Ends a run whose extraction failed. The errors come back, with the state's own if it had one too.
    pub(crate) async fn fail(&self, spec: &SyncSpec, record: &RunRecord, mut errors: Errors) -> Errors {
        let end = match errors.0.first().map(Error::code) {
            Some(Code::Interrupted) => RunState::Cancelled,
            _ => RunState::Failed,
        };
        let (state, run, now, reason) = (self.state.clone(), record.id, self.clock.now(), errors.reason());
        let from_now = spec.first_run == FirstRun::Now && record.pinned.options.is_ordinary();
        let (name, cursor_of) = (spec.name.clone(), spec.cursor.clone());
        let ended = blocking(move || {
            let begun = if from_now { first_attempt(&*state, &name, run, cursor_of)? } else { None };
            state.end_run(run, end, now, Some(reason), begun.as_ref())
        });
        if let Err(error) = ended.await {
            errors.0.push(error);
        }
        errors
    }

    /// Ends a run whose segments are gone, and gives its window back to the sync.
    pub(crate) async fn lose(&self, record: &RunRecord, error: &Error) -> outflow_core::Result<()> {
        let (state, run, now) = (self.state.clone(), record.id, self.clock.now());
        let reason = Some((Code::RunLost, error.message().to_owned()));
        blocking(move || {
            let record = state.run(run)?.ok_or_else(|| gone(run))?;
            let before = state.sync(&record.sync)?;
            let last = before.clock_us == record.clock.map(Timestamp::as_microsecond);
            let moved = last && record.pinned.options.is_ordinary();
            let rewind = moved.then(|| give_back(&record, before));
            state.end_run(run, RunState::Lost, now, reason, rewind.as_ref())
        })
        .await
    }

    async fn document(
        &self,
        run: RunId,
        resumed: bool,
        seconds: Seconds,
    ) -> outflow_core::Result<RunDocument> {
        let state = self.state.clone();
        blocking(move || {
            let record = state.run(run)?.ok_or_else(|| gone(run))?;
            Ok(RunDocument::of(&record, state.deliveries(run)?, resumed, seconds))
        })
        .await
    }
}

/// What a run of this sync keeps of it. Who asks for something out of the ordinary means skipped destinations, too.
pub(crate) fn pinned(spec: &SyncSpec, options: &RunOptions, mut skipped: Vec<String>) -> RunSpec {
    if !options.is_ordinary() {
        skipped.clear();
    }
    let mut connections = spec.connections.clone();
    if let Some(only) = &options.only {
        connections.retain(|c| c.destination == *only);
        if connections.is_empty() && options.replay.is_some() {
            // All calls of a run may go to a destination that the sync has not had.
            connections.push(Connection { destination: only.clone(), nulls: Nulls::default() });
        }
    }
    RunSpec {
        source: format!("{}.{}", spec.source, spec.database),
        query: spec.query.clone(),
        connections,
        options: options.clone(),
        guards: spec.guards.clone(),
        skipped,
    }
}

/// The sync as the run pinned it: an edit of the project does not reach a run that exists.
pub(crate) fn pinned_spec(spec: &SyncSpec, record: &RunRecord) -> SyncSpec {
    SyncSpec {
        query: record.pinned.query.clone(),
        call_type: record.call_type,
        connections: record.pinned.connections.clone(),
        ..spec.clone()
    }
}

/// The sync's state as it was before the run: its query's own start value. What it sent counts for nothing, as nobody knows how far it came.
fn give_back(record: &RunRecord, before: SyncState) -> SyncState {
    let start = record.last_sync_time.as_deref().unwrap_or("0");
    // A cursor's value says nothing about the clock, where the run may have begun anywhere.
    let seconds = start.parse::<i64>().ok().filter(|_| before.cursor.is_none()).unwrap_or(0);
    SyncState {
        clock_us: Some(seconds.saturating_mul(1_000_000)),
        cursor: before.cursor.is_some().then(|| start.to_owned()),
        run: None,
        fingerprint: None,
        ..before
    }
}

/// `first_run: now` means the first try, also if that failed: what has come since is new. `None`: the sync has a start, or the try came not so far.
fn first_attempt(
    state: &dyn State,
    sync: &str,
    run: RunId,
    cursor_of: Option<String>,
) -> outflow_core::Result<Option<SyncState>> {
    let before = state.sync(sync)?;
    let tried = state.run(run)?.and_then(|r| r.clock.zip(r.last_sync_time));
    let Some((clock, value)) = tried.filter(|_| before.clock_us.is_none()) else { return Ok(None) };
    let cursor = cursor_of.is_some().then_some(value);
    let clock_us = Some(clock.as_microsecond());
    Ok(Some(SyncState { clock_us, first_us: clock_us, cursor, cursor_of, ..before }))
}

fn gone(run: RunId) -> Error {
    Error::new(Code::StateIo, format!("run {run} is not in the state"))
}
