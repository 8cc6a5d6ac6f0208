//! One requested run: a supervisor without a schedule, which ends when the run does.
//!
//! What always holds: unfinished runs of the sync come first, in order, and if that finishes them
//! nothing new is read. If some of them still wait for a destination, a new run begins all the same
//! where the rule of [`super::busy`] lets it and another destination is healthy; it waits behind
//! them. What is missing at a destination comes after what is new, as others wait for that, unless
//! no destination takes what is new before. A destination that has taken nothing for the request's
//! time-out is given up for now, and its calls stay pending. What it does not do: skip slots,
//! repeat a failed run, or watch for alerts.

mod slots;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outflow_core::ports::state::DeliveryRecord;
use outflow_core::ports::warehouse::Warehouse;
use outflow_core::run::{RunKind, RunOptions, RunTrigger};
use outflow_core::{Code, DeliveryState, Error, RunId, RunRecord, RunState, SyncSpec, Timestamp};
use tokio::sync::watch;

use super::admission::{LeftOut, fills_gap, hold};
use super::alert::Rules;
use super::queues::Busy;
use super::side::{Entered, SideRequests};
use super::{BacklogQuota, ConcurrencyLimits, Mode, RuntimeConfig, Shared, driver, queues};
use crate::event::{Event, Observer};
use crate::operations::approval;
use crate::operations::backfill::Fill;
use crate::operations::behind::{stopped_before, waits_behind};
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
    /// What may wait for destinations that are behind.
    pub backlog: BacklogQuota,
    /// Where slots come from that another process hands over while this runs.
    pub side: Option<Arc<SideRequests>>,
    /// Takes the events of the run.
    pub observer: Observer,
}

impl Engine {
    /// Runs a sync: finishes its unfinished runs in order if there are any, else makes a new one.
    /// If some still wait for a destination, a new one begins for the others.
    ///
    /// The document says what came of it, also when destinations stopped with calls pending (state
    /// `delivering`). It is that of the new run; else of the first unfinished one that still waits,
    /// or of the last.
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
        let mut once = Once::of_sync(self, request, spec);
        let entered = request.side.as_ref().map(|side| side.enter(&spec.name));
        once.side = entered.map(|entered| (entered, spec, warehouse));
        once.shared.gaps.set(&spec.name, true);
        let mut waits = match once.go_on(spec, warehouse).await? {
            Some(document) if document.state.is_final() => return once.complete(document).await,
            other => other,
        };
        let is_new = request.options.is_incremental();
        let takes_now = once.may_begin(spec).await?.is_ok_and(|left_out| left_out.for_healthy);
        if is_new && !takes_now {
            // No destination takes what is new before it has got what it lacks.
            waits = once.fill_gaps(spec, warehouse).await?.or(waits);
        }
        match (once.may_begin(spec).await?, waits) {
            (Ok(_), None) => {}
            (Ok(left_out), Some(_)) if left_out.for_healthy || once.is_due() => {}
            (Ok(_), Some(document)) => return once.complete(document).await,
            (Err(busy), waits) => {
                once.skip(spec, &busy).await?;
                let Some(document) = waits else { return Err(Error::new(busy.code, busy.reason).into()) };
                return once.complete(document).await;
            }
        }
        let ran = once.new_run(spec, warehouse, request.options.clone(), request.trigger).await;
        if !is_new {
            return ran;
        }
        let waits = once.fill_gaps(spec, warehouse).await?;
        match (ran?, waits) {
            (document, Some(fill)) if document.state.is_final() => once.complete(fill).await,
            (document, _) => once.complete(document).await,
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
        let mut records = self.unfinished_here(sync).await?;
        records.retain(|record| record.state == RunState::Delivering);
        once.deliver_all(records).await
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

    /// The sync's runs that are not in a final state and can go on, oldest first. Those that wait
    /// only for destinations that the project no longer has hold up no other.
    async fn unfinished_here(&self, sync: &str) -> outflow_core::Result<Vec<RunRecord>> {
        let mut records = Vec::new();
        for record in self.state.unfinished_of(sync).await? {
            if !self.is_parked(&record).await? {
                records.push(record);
            }
        }
        Ok(records)
    }
}

/// A supervisor for one request.
struct Once<'a> {
    engine: &'a Engine,
    request: &'a RunRequest,
    shared: Arc<Shared>,
    /// The sync's destinations: what is missing at others is not asked for.
    sends_to: Vec<String>,
    /// Takes slots of the sync while its runs are being delivered.
    side: Option<(Entered, &'a SyncSpec, &'a dyn Warehouse)>,
    /// Nothing is reloaded here, but the queues require the receiver.
    _config: watch::Sender<Arc<RuntimeConfig>>,
}

impl<'a> Once<'a> {
    fn new(engine: &'a Engine, request: &'a RunRequest) -> Self {
        let (config, receiver) = watch::channel(Arc::new(RuntimeConfig {
            engine: engine.clone(),
            syncs: Vec::new(),
            limits: ConcurrencyLimits { backlog: request.backlog, ..ConcurrencyLimits::default() },
            keep: RetentionPolicy::default(),
            rules: Rules::default(),
        }));
        let mode = Mode::Once { delivery_timeout: request.delivery_timeout };
        let shared = Arc::new(Shared::new(receiver, request.observer.clone(), mode));
        Self { engine, request, shared, sends_to: Vec::new(), side: None, _config: config }
    }

    fn of_sync(engine: &'a Engine, request: &'a RunRequest, spec: &SyncSpec) -> Self {
        let sends_to = spec.connections.iter().map(|c| c.destination.clone()).collect();
        Self { sends_to, ..Self::new(engine, request) }
    }

    /// Goes on with the sync's unfinished runs: first with all that are being delivered, so that no
    /// destination waits for another. The document of the first that still waits, else of the last.
    async fn go_on(&self, spec: &SyncSpec, warehouse: &dyn Warehouse) -> Result<Option<RunDocument>, Errors> {
        let records = self.engine.unfinished_here(&spec.name).await?.into_iter();
        let (delivering, others): (Vec<_>, Vec<_>) = records.partition(|r| r.state == RunState::Delivering);
        let mut last = self.deliver_all(delivering).await?;
        for record in others.into_iter().filter(|record| hold(record).keeps(false)) {
            let waits = last.as_ref().is_some_and(|document| !document.state.is_final());
            let reads = record.state != RunState::AwaitingApproval;
            if waits && !(reads && self.admitted(spec).await?.is_ok_and(|left_out| left_out.for_healthy)) {
                break;
            }
            let document = self.drive(spec, warehouse, record, true).await?;
            last = last.filter(|_| waits).or(Some(document));
        }
        Ok(last)
    }

    /// Whether a new run may begin beside those that are unfinished.
    async fn may_begin(&self, spec: &SyncSpec) -> outflow_core::Result<Result<LeftOut, Busy>> {
        let unfinished = self.engine.state.unfinished_of(&spec.name).await?;
        match unfinished.into_iter().find(|run| hold(run).keeps(true)) {
            Some(run) => Ok(Err(Busy::with_run(run.id, run.state))),
            None => self.admitted(spec).await,
        }
    }

    async fn admitted(&self, spec: &SyncSpec) -> outflow_core::Result<Result<LeftOut, Busy>> {
        self.shared.admission(&self.shared.config(), spec).await
    }

    /// Whether a schedule wants the run: then it follows the schedule's rule to the letter. A
    /// person who sees that no destination takes calls gets no further run that waits.
    fn is_due(&self) -> bool {
        self.request.trigger == RunTrigger::Schedule
    }

    /// Records that the slot of the request found its sync busy.
    async fn skip(&self, spec: &SyncSpec, busy: &Busy) -> outflow_core::Result<()> {
        match self.request.due_at.filter(|_| self.is_due()) {
            Some(slot) => self.engine.skip_slot(spec, slot, busy, &self.request.observer).await.map(drop),
            None => Ok(()),
        }
    }

    /// Fills what is missing at destinations, as far as it can reach them now. A run of it that has
    /// to wait is returned. One that fails keeps nothing from being read; its gap stays open.
    async fn fill_gaps(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
    ) -> Result<Option<RunDocument>, Errors> {
        let (mut tried, mut waits) = (BTreeSet::new(), None);
        let config = self.shared.config();
        loop {
            let can_begin = |fill: &Fill| {
                !tried.contains(&fill.key()) && self.shared.is_drained(&config, &spec.name, &fill.destination)
            };
            let Some(fill) = self.engine.fills(spec).await?.into_iter().find(can_begin) else {
                return Ok(waits);
            };
            tried.insert(fill.key());
            match self.new_run(spec, warehouse, fill.options, RunTrigger::Gap).await {
                Ok(document) if document.state.is_final() => {}
                Ok(document) => waits = waits.or(Some(document)),
                Err(errors) if errors.0.iter().any(|e| e.code() == Code::Interrupted) => return Err(errors),
                Err(errors) => {
                    for error in errors.0 {
                        (self.request.observer)(Event::Problem { error: Arc::new(error) });
                    }
                }
            }
        }
    }

    async fn new_run(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        options: RunOptions,
        trigger: RunTrigger,
    ) -> Result<RunDocument, Errors> {
        let left_out = match options.is_incremental() {
            true => self.admitted(spec).await?.unwrap_or_default(),
            false => LeftOut::default(),
        };
        let request = driver::Request {
            due_at: self.request.due_at.filter(|_| trigger != RunTrigger::Gap),
            options,
            trigger,
            skipped: left_out.all,
        };
        let record = driver::create(self.engine, spec, request).await?;
        for destination in left_out.new {
            let (sync, run) = (record.sync.clone(), record.id);
            (self.request.observer)(Event::DestinationSkipped { sync, run, destination });
        }
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
            let extracting = driver::extract(&self.shared, self.engine, spec, warehouse, &record);
            // Only what fills a gap is read beside the sync's runs.
            let extracted = match fills_gap(&record) {
                true => self.taking_slots(extracting).await?,
                false => extracting.await,
            };
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
        self.queues_ended().await?;
        seconds.deliver = started.elapsed().as_secs_f64();
        let document = self.document(run, resumed, seconds).await?;
        self.complete(document).await
    }

    /// The second half of several runs, in order and side by side. The document of the first that
    /// still waits, else of the last.
    async fn deliver_all(&self, records: Vec<RunRecord>) -> Result<Option<RunDocument>, Errors> {
        let started = Instant::now();
        for record in &records {
            driver::started(&self.shared, record, true);
            self.resume_destinations(record.id).await?;
        }
        for record in &records {
            queues::enqueue(&self.shared, record.id).await?;
        }
        self.queues_ended().await?;
        let seconds = Seconds { deliver: started.elapsed().as_secs_f64(), ..Seconds::default() };
        let mut last = None;
        for record in records {
            let document = self.document(record.id, true, seconds).await?;
            let is_over = document.state.is_final();
            last = Some(document);
            if !is_over {
                break;
            }
        }
        Ok(last)
    }

    /// The document of a run. A delivery that waits behind an earlier run which has stopped is
    /// shown as stopped, too.
    async fn document(
        &self,
        run: RunId,
        resumed: bool,
        seconds: Seconds,
    ) -> outflow_core::Result<RunDocument> {
        let state = &*self.engine.state;
        let record = state.run(run).await?.ok_or_else(|| gone(run))?;
        let (mut deliveries, before) = (state.deliveries(run).await?, stopped_before(state, &record).await?);
        for delivery in &mut deliveries {
            if let Some(reason) = waits_behind(&before, delivery) {
                (delivery.state, delivery.reason) = (DeliveryState::Stopped, Some(reason));
            }
        }
        Ok(RunDocument::of(&record, deliveries, resumed, seconds))
    }

    /// The document with what is missing at the sync's destinations.
    async fn complete(&self, mut document: RunDocument) -> Result<RunDocument, Errors> {
        document.missing = self.engine.reader().missing(&document.sync).await?;
        document.missing.retain(|missing| self.sends_to.contains(&missing.destination));
        let mut document = document.with_earlier(&*self.engine.state).await?;
        document.earlier.retain(|earlier| self.sends_to.contains(&earlier.destination));
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

    /// A manual run retries a destination that stopped earlier, with few requests; not one at which
    /// an earlier run has stopped in this process.
    async fn resume_destinations(&self, run: RunId) -> outflow_core::Result<()> {
        let queues = self.shared.queues.status();
        let waits = |d: &DeliveryRecord| queues.iter().any(|q| q.destination == d.destination);
        let mut deliveries = self.engine.state.deliveries(run).await?;
        deliveries.retain(|delivery| !waits(delivery));
        for delivery in deliveries {
            if let Some(destination) = self.engine.destinations.get(&delivery.destination) {
                self.engine.limiters.of(destination.as_ref()).resume();
            }
        }
        Ok(())
    }
}
