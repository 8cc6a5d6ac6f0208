//! One requested run: a supervisor without a schedule, which ends when the run does.
//!
//! What always holds: unfinished runs of the sync come first, in order, and then nothing new is
//! read. What lost runs have left missing comes before what is new. A destination that has taken
//! nothing for the request's time-out is given up for now, and its calls stay pending. What it does
//! not do: skip slots, repeat a failed run, or watch for alerts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use outflow_core::ports::state::DeliveryRecord;
use outflow_core::ports::warehouse::Warehouse;
use outflow_core::run::{RunKind, RunOptions, RunTrigger};
use outflow_core::{Code, RunId, RunRecord, RunState, SyncSpec, Timestamp};
use tokio::sync::watch;

use super::alert::Rules;
use super::{ConcurrencyLimits, Mode, RuntimeConfig, Shared, driver, queues};
use crate::event::{Event, Observer};
use crate::operations::approval;
use crate::operations::replay::in_the_way;
use crate::operations::retention::RetentionPolicy;
use crate::report::{RunDocument, Seconds};
use crate::run::gone;
use crate::{Engine, Errors};

/// How a run is requested.
#[derive(Clone)]
pub struct RunRequest {
    /// How it differs from an incremental run of the sync.
    pub options: RunOptions,
    /// What sets it off.
    pub trigger: RunTrigger,
    /// When it was due; `None`: now.
    pub due_at: Option<Timestamp>,
    /// How long a destination may take nothing before it is given up for now; `None`: for ever.
    pub delivery_timeout: Option<Duration>,
    /// Takes the events of the run.
    pub observer: Observer,
}

impl Engine {
    /// Runs a sync: finishes its unfinished runs in order if there are any, else makes a new one.
    ///
    /// The document says what came of it, also when destinations stopped with calls pending (state
    /// `delivering`). Of several unfinished runs it is the last that was worked on.
    ///
    /// # Errors
    /// Every problem that ended the run before its extraction was committed, or that the state or
    /// the spool has. The run is then `failed` or `cancelled`, and `last_sync_time` has not moved.
    pub async fn run(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        request: &RunRequest,
    ) -> Result<RunDocument, Errors> {
        let once = Once::of_sync(self, request, spec);
        let mut last = None;
        while let Some(record) = self.next_unfinished(&spec.name).await? {
            let document = once.drive(spec, warehouse, record, true).await?;
            let is_over = document.state.is_final();
            last = Some(document);
            if !is_over {
                break;
            }
        }
        if last.is_none() && request.options.is_incremental() {
            last = once.fill_gaps(spec, warehouse).await?;
        }
        match last {
            Some(document) => once.complete(document).await,
            None => once.new_run(spec, warehouse, request.options.clone(), request.trigger).await,
        }
    }

    /// Makes a run beside the unfinished runs of the sync: for replays and backfills, which concern
    /// one destination. A backfill that is unfinished is continued in place of another one.
    ///
    /// # Errors
    /// `RunInProgress`: older calls of the same people are pending at the destination. Else as
    /// [`Engine::run`].
    pub async fn run_beside(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        request: &RunRequest,
    ) -> Result<RunDocument, Errors> {
        in_the_way(self, &spec.name, &request.options).await?;
        let once = Once::of_sync(self, request, spec);
        match self.unfinished_backfill(&spec.name, &request.options).await? {
            Some(record) => once.drive(spec, warehouse, record, true).await,
            None => once.new_run(spec, warehouse, request.options.clone(), request.trigger).await,
        }
    }

    /// The unfinished backfill of a sync to the same destination, if these are the options of a
    /// backfill.
    pub(crate) async fn unfinished_backfill(
        &self,
        sync: &str,
        options: &RunOptions,
    ) -> outflow_core::Result<Option<RunRecord>> {
        let is_backfill = |options: &RunOptions| matches!(options.kind, RunKind::Backfill { .. });
        if !is_backfill(options) {
            return Ok(None);
        }
        let is_same = |run: &RunRecord| {
            let theirs = &run.spec.options;
            run.sync == sync && is_backfill(theirs) && theirs.destination == options.destination
        };
        Ok(self.state.unfinished_runs().await?.into_iter().find(is_same))
    }

    /// Delivers what a sync has committed, run by run in their order, and extracts nothing. `None`:
    /// there was nothing.
    ///
    /// # Errors
    /// Those of [`Engine::run`] about deliveries.
    pub async fn finish(&self, sync: &str, request: &RunRequest) -> Result<Option<RunDocument>, Errors> {
        let once = Once::new(self, request);
        let mut last = None;
        while let Some(record) = self.next_unfinished(sync).await?.filter(|r| r.state == RunState::Delivering)
        {
            driver::started(&once.shared, &record, true);
            let document = once.deliver(record.id, true, Seconds::default()).await?;
            let is_over = document.state.is_final();
            last = Some(document);
            if !is_over {
                break;
            }
        }
        Ok(last)
    }

    /// What is left of a sync that the project no longer has: runs that had committed nothing are
    /// cancelled, as no one can extract them any more, and the rest is delivered. `None`: there was
    /// nothing to deliver.
    ///
    /// # Errors
    /// Those of [`Engine::finish`].
    pub async fn finish_removed(
        &self,
        sync: &str,
        request: &RunRequest,
    ) -> Result<Option<RunDocument>, Errors> {
        for record in self.state.unfinished_of(sync).await? {
            self.cancel_if_removed(&record).await?;
        }
        self.finish(sync, request).await
    }

    /// Ends a run that is queued or extracting and whose sync the project no longer has.
    pub(super) async fn cancel_if_removed(&self, record: &RunRecord) -> outflow_core::Result<()> {
        if !matches!(record.state, RunState::Queued | RunState::Extracting) {
            return Ok(());
        }
        let reason = (Code::NoSuchSyncOrRun, format!("the project no longer has the sync {}", record.sync));
        self.state.end_run(record.id, RunState::Cancelled, self.clock.now(), Some(reason), None).await
    }

    /// The sync's oldest run that is not in a final state and can go on. Runs that wait only for
    /// destinations that the project no longer has are passed over, so that they hold up no other.
    async fn next_unfinished(&self, sync: &str) -> outflow_core::Result<Option<RunRecord>> {
        for record in self.state.unfinished_of(sync).await? {
            if !self.is_parked(&record).await? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

/// A supervisor for one request.
struct Once<'a> {
    engine: &'a Engine,
    request: &'a RunRequest,
    shared: Arc<Shared>,
    /// The sync's destinations: what is missing at others is not asked for.
    sends_to: Vec<String>,
    /// Nothing is reloaded here, but the queues require the receiver.
    _config: watch::Sender<Arc<RuntimeConfig>>,
}

impl<'a> Once<'a> {
    fn new(engine: &'a Engine, request: &'a RunRequest) -> Self {
        let (config, receiver) = watch::channel(Arc::new(RuntimeConfig {
            engine: engine.clone(),
            syncs: Vec::new(),
            limits: ConcurrencyLimits::default(),
            keep: RetentionPolicy::default(),
            rules: Rules::default(),
        }));
        let mode = Mode::Once { delivery_timeout: request.delivery_timeout };
        let shared = Arc::new(Shared::new(receiver, request.observer.clone(), mode));
        Self { engine, request, shared, sends_to: Vec::new(), _config: config }
    }

    fn of_sync(engine: &'a Engine, request: &'a RunRequest, spec: &SyncSpec) -> Self {
        let sends_to = spec.connections.iter().map(|c| c.destination.clone()).collect();
        Self { sends_to, ..Self::new(engine, request) }
    }

    /// Fills what lost runs have left missing. A run of it that has to wait is returned: then
    /// nothing new is read. One that fails keeps nothing from being read; its gap stays open.
    async fn fill_gaps(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
    ) -> Result<Option<RunDocument>, Errors> {
        for options in self.engine.fills(spec).await? {
            match self.new_run(spec, warehouse, options, RunTrigger::Gap).await {
                Ok(document) if document.state.is_final() => {}
                Ok(document) => return Ok(Some(document)),
                Err(errors) if errors.0.iter().any(|e| e.code() == Code::Interrupted) => return Err(errors),
                Err(errors) => {
                    for error in errors.0 {
                        (self.request.observer)(Event::Problem { error: Arc::new(error) });
                    }
                }
            }
        }
        Ok(None)
    }

    async fn new_run(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        options: RunOptions,
        trigger: RunTrigger,
    ) -> Result<RunDocument, Errors> {
        let request = driver::Request {
            due_at: self.request.due_at.filter(|_| trigger != RunTrigger::Gap),
            options,
            trigger,
            skipped: self.engine.skipped(spec).await?,
        };
        let record = driver::create(self.engine, spec, request).await?;
        self.drive(spec, warehouse, record, false).await
    }

    /// Drives a run until it ends or has to wait.
    async fn drive(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        record: RunRecord,
        resumed: bool,
    ) -> Result<RunDocument, Errors> {
        if record.state == RunState::AwaitingApproval {
            return Err(approval::waits(&record).into());
        }
        driver::started(&self.shared, &record, resumed);
        let mut seconds = Seconds::default();
        if record.state != RunState::Delivering {
            let started = Instant::now();
            let extracted = driver::extract(&self.shared, self.engine, spec, warehouse, &record).await;
            if let Err(errors) = extracted {
                return Err(self.engine.fail(spec, &record, errors).await);
            }
            seconds.extract = started.elapsed().as_secs_f64();
        }
        self.deliver(record.id, resumed, seconds).await
    }

    /// The second half of a run.
    async fn deliver(&self, run: RunId, resumed: bool, mut seconds: Seconds) -> Result<RunDocument, Errors> {
        let started = Instant::now();
        for earlier in self.delivered_first(run).await? {
            self.resume_destinations(earlier).await?;
            queues::enqueue(&self.shared, earlier).await?;
        }
        self.resume_destinations(run).await?;
        queues::enqueue(&self.shared, run).await?;
        self.shared.queues.ended().await?;
        seconds.deliver = started.elapsed().as_secs_f64();
        let state = &self.engine.state;
        let record = state.run(run).await?.ok_or_else(|| gone(run))?;
        let document = RunDocument::of(&record, state.deliveries(run).await?, resumed, seconds);
        self.complete(document).await
    }

    /// The document with what is missing at the sync's destinations.
    async fn complete(&self, mut document: RunDocument) -> Result<RunDocument, Errors> {
        document.missing = self.engine.reader().missing(&document.sync).await?;
        document.missing.retain(|missing| self.sends_to.contains(&missing.destination));
        Ok(document)
    }

    /// The runs that a backfill follows: what they hold for its destination is older than what it
    /// sends.
    async fn delivered_first(&self, run: RunId) -> outflow_core::Result<Vec<RunId>> {
        let state = &self.engine.state;
        let Some(record) = state.run(run).await? else { return Ok(Vec::new()) };
        let options = &record.spec.options;
        if !matches!(options.kind, RunKind::Backfill { .. }) {
            return Ok(Vec::new());
        }
        let mut earlier = Vec::new();
        for unfinished in state.unfinished_runs().await? {
            let is_earlier = unfinished.id < run && unfinished.sync == record.sync;
            if is_earlier && unfinished.state == RunState::Delivering {
                let deliveries = state.deliveries(unfinished.id).await?;
                let waits = |d: &DeliveryRecord| {
                    Some(&d.destination) == options.destination.as_ref() && d.counts.pending > 0
                };
                earlier.extend(deliveries.iter().any(waits).then_some(unfinished.id));
            }
        }
        Ok(earlier)
    }

    /// A manual run retries a destination that stopped earlier, with few requests.
    async fn resume_destinations(&self, run: RunId) -> outflow_core::Result<()> {
        for delivery in self.engine.state.deliveries(run).await? {
            if let Some(destination) = self.engine.destinations.get(&delivery.destination) {
                self.engine.limiters.of(destination.as_ref()).resume();
            }
        }
        Ok(())
    }
}
