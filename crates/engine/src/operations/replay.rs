//! Sending calls of an earlier run again: as they were sent, or as the query gives them now.
//!
//! A replay is a separate run with one destination. As sent, its calls are copied from the
//! earlier run's segments into its own, so that cursors, retries, dead letters and `verify` work as
//! for any run; the message ids are the old ones. Re-queried, it is an extraction that keeps the
//! rows with the ordering keys of the dead letters.
//!
//! What always holds: a replay never moves `last_sync_time`, is compared with no run and leaves
//! nothing to be compared with. One that sends people or groups as they were has the sync's next
//! run send all that it reads. The dead letters that it sends again are marked in the transaction
//! that commits it.

use std::collections::HashSet;
use std::time::Instant;

use outflow_core::ports::spool::{Edits, SegmentInfo, SpoolHeader, SpoolWriter, Spooled};
use outflow_core::ports::state::{DeadLetter, Extraction, Replayed, RunFilter, SyncState};
use outflow_core::run::{FindingCount, Replay, ReplayMode, RunKind, RunOptions};
use outflow_core::{
    CallFlags, CallType, Code, Error, NextStep, Result, RowCounts, RunId, RunRecord, RunState,
};

use crate::event::Event;
use crate::extract::wanted::Wanted;
use crate::extract::wanted_keys::WantedKeys;
use crate::extract::{Extractor, guard, watermark};
use crate::pages::{DeadLetterPages, RunPages};
use crate::{Engine, Errors, RunReader};

/// Copied calls are handed to the spool in pieces of this size.
const FLUSH_BYTES: usize = 1 << 20;

/// A request to send calls again.
#[derive(Clone, Debug)]
pub struct ReplayRequest {
    /// The run.
    pub run: RunId,
    /// At this destination alone. [`ReplayMode::All`] needs one.
    pub destination: Option<String>,
    /// Dead letters with this code alone.
    pub code: Option<Code>,
    /// How; `None`: as its type of call has it.
    pub mode: Option<ReplayMode>,
    /// Also send what has been replayed before, and states as they were sent.
    pub force: bool,
}

/// The way in which dead letters of this type are replayed: an event has happened once and for all,
/// a state may have been overtaken.
pub const fn usual_mode(call_type: CallType) -> ReplayMode {
    match call_type {
        CallType::Track | CallType::Page | CallType::Screen => ReplayMode::AsSent,
        CallType::Identify | CallType::Group | CallType::Alias => ReplayMode::Requery,
    }
}

impl RunReader {
    /// The runs that a replay takes: one for each destination that has something to be sent again;
    /// none if nothing has. Only reads.
    ///
    /// # Errors
    /// C011: no such run, or it had no such destination. C012: the request would do harm
    /// without `force`. P005: the calls are no longer kept.
    pub async fn plan_replay(&self, request: &ReplayRequest) -> Result<Vec<RunOptions>> {
        let record = self.known(request.run).await?;
        let mode = request.mode.unwrap_or_else(|| usual_mode(record.call_type));
        if mode == ReplayMode::AsSent && usual_mode(record.call_type) != ReplayMode::AsSent && !request.force
        {
            let what =
                format!("as they were sent, {} calls would overwrite what came later", record.call_type);
            return Err(Error::new(Code::ConflictingOptions, what).help(
                "leave --as-sent out: the query then gives these rows as they are now; --force sends the old ones",
            ));
        }
        let mut destinations = Vec::new();
        match (mode, &request.destination) {
            (ReplayMode::All, Some(destination)) => {
                self.refuse_second_delivery(&record, destination, request.force).await?;
                if record.rows.calls > 0 {
                    destinations.push(destination.clone());
                }
            }
            (ReplayMode::All, None) => {
                return Err(Error::new(
                    Code::ConflictingOptions,
                    "all calls of a run are sent to one destination",
                )
                .help("name it: --destination NAME"));
            }
            (ReplayMode::Rejected, only) => {
                destinations = self.with_rejected_rows(&record, only.as_deref(), request.code).await?;
            }
            (_, only) => {
                destinations = self.with_dead_letters(&record, only.as_deref(), request).await?;
            }
        }
        if !destinations.is_empty() {
            self.kept_calls(&record).await?;
        }
        let start = record.last_sync_time.clone().filter(|_| mode.queries());
        let options = destinations.into_iter().map(|destination| RunOptions {
            destination: Some(destination),
            ..RunOptions::of(RunKind::Replay(Replay {
                run: record.id,
                mode,
                code: request.code,
                force: request.force,
                start: start.clone(),
            }))
        });
        Ok(options.collect())
    }

    /// Whom the query did not give any more in a re-queried replay: the identifiers of the dead
    /// letters that it could not send again.
    ///
    /// # Errors
    /// C011 for an unknown run; what the state and the spool say.
    pub async fn not_given(&self, run: RunId) -> Result<Vec<String>> {
        let record = self.known(run).await?;
        let options = &record.spec.options;
        let (Some(replay), Some(destination)) = (options.replay(), &options.destination) else {
            return Ok(Vec::new());
        };
        if replay.mode != ReplayMode::Requery {
            return Ok(Vec::new());
        }
        let letters = DeadLetterPages::new(self.state.clone(), replay.run, destination);
        let is_meant = |l: &DeadLetter| wanted(l, replay.code, replay.force) && l.replayed_by != Some(run);
        let positions = letters.pick(|l| is_meant(&l).then_some(l.position)).await?;
        let positions: HashSet<u64> = positions.into_iter().collect();
        let segments = self.state.segments(replay.run).await?;
        let mut ids = Vec::new();
        let replayed = self.known(replay.run).await?;
        let mut calls = self.calls_until_stopped(&replayed, &segments, 0).await?;
        while let Some(block) = calls.next().await? {
            for (position, call) in (block.first..).zip(&block.calls) {
                if positions.contains(&position) && !call.meta.flags.has(CallFlags::PURGED) {
                    ids.push(identifier(block.json(call)));
                }
            }
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    /// The destinations that the rejected rows of a run, or those with this code, go to once they
    /// are fixed.
    async fn with_rejected_rows(
        &self,
        record: &RunRecord,
        only: Option<&str>,
        code: Option<Code>,
    ) -> Result<Vec<String>> {
        let findings = self.state.findings(record.id).await?;
        let is_meant =
            |f: &&FindingCount| !f.code.is_warning() && code.is_none_or(|code| f.code == code) && f.rows > 0;
        if record.rows.rejected == 0 || findings.iter().find(is_meant).is_none() {
            return Ok(Vec::new());
        }
        if self.state.segments(record.id).await?.is_empty() {
            let what =
                format!("the rejected rows of run {} of {} are no longer kept", record.id, record.sync);
            return Err(Error::new(Code::SegmentMissing, what)
                .next_step(NextStep::RunSince { sync: record.sync.clone() }));
        }
        let mut names: Vec<String> = record.spec.attached().map(|c| c.destination.clone()).collect();
        if let Some(only) = only {
            if !names.iter().any(|name| name == only) {
                return Err(no_destination(record, only, &names));
            }
            names.retain(|name| name == only);
        }
        Ok(names)
    }

    /// The run's destinations that have dead letters of the wanted kind.
    async fn with_dead_letters(
        &self,
        record: &RunRecord,
        only: Option<&str>,
        request: &ReplayRequest,
    ) -> Result<Vec<String>> {
        let mut names: Vec<String> =
            self.state.deliveries(record.id).await?.into_iter().map(|d| d.destination).collect();
        if let Some(only) = only {
            if !names.iter().any(|name| name == only) {
                return Err(no_destination(record, only, &names));
            }
            names.retain(|name| name == only);
        }
        let mut found = Vec::new();
        for name in names {
            let letters = DeadLetterPages::new(self.state.clone(), record.id, &name);
            let is_wanted = |l: DeadLetter| wanted(&l, request.code, request.force).then_some(());
            if !letters.pick(is_wanted).await?.is_empty() {
                found.push(name);
            }
        }
        Ok(found)
    }

    /// All calls of a run go to a destination once, unless it is forced.
    async fn refuse_second_delivery(&self, record: &RunRecord, destination: &str, force: bool) -> Result<()> {
        let mut replayed = None;
        if self.state.deliveries(record.id).await?.iter().any(|d| d.destination == destination) {
            replayed = Some(record.id);
        }
        for replay in &record.replayed_by {
            let replay = self.known(*replay).await?;
            let options = &replay.spec.options;
            let all = options.replay().is_some_and(|r| r.mode == ReplayMode::All);
            let counts = replay.extracted_at.is_some() && replay.state != RunState::Lost;
            if all && options.destination.as_deref() == Some(destination) && counts {
                replayed = Some(replay.id);
            }
        }
        match replayed.filter(|_| !force) {
            None => Ok(()),
            Some(run) => Err(Error::new(
                Code::ConflictingOptions,
                format!("{destination} got the calls of run {} in run {run} already", record.id),
            )
            .help(
                "without --all its dead letters alone are sent again; --force sends all of them once more",
            )),
        }
    }

    /// The segments of a run's calls, or an error that says which runs still have theirs.
    async fn kept_calls(&self, record: &RunRecord) -> Result<Vec<SegmentInfo>> {
        let segments = self.state.segments(record.id).await?;
        if record.rows.calls == 0 || !segments.is_empty() {
            return Ok(segments);
        }
        let mut kept = Vec::new();
        let mut pages = RunPages::new(self.state.clone(), RunFilter::newest(Some(&record.sync), 0));
        while kept.len() < 20 {
            let page = pages.next(u64::MAX).await?;
            if page.is_empty() {
                break;
            }
            for run in page {
                if kept.len() < 20 && !self.state.segments(run.id).await?.is_empty() {
                    kept.push(run.id.to_string());
                }
            }
        }
        let what = format!("the calls of run {} of {} are no longer kept", record.id, record.sync);
        let help = match kept.is_empty() {
            true => format!("no calls of any run of {} are kept", record.sync),
            false => format!("the calls of these runs are kept: {}", kept.join(", ")),
        };
        Err(Error::new(Code::SegmentMissing, what)
            .help(help)
            .next_step(NextStep::RunSince { sync: record.sync.clone() }))
    }

    /// The positions of the dead letters that this replay sends again.
    async fn chosen(&self, replay: &Replay, destination: &str) -> Result<Vec<u64>> {
        let letters = DeadLetterPages::new(self.state.clone(), replay.run, destination);
        letters.pick(|l| wanted(&l, replay.code, replay.force).then_some(l.position)).await
    }

    /// The ordering keys that a re-queried replay looks for.
    async fn wanted_keys(&self, replay: &Replay, destination: &str) -> Result<WantedKeys> {
        let chosen = self.chosen(replay, destination).await?;
        let mut keys = WantedKeys::default();
        let Some(first) = chosen.first() else { return Ok(keys) };
        let replayed = self.known(replay.run).await?;
        let segments = self.kept_calls(&replayed).await?;
        let mut calls = self.calls_until_stopped(&replayed, &segments, *first).await?;
        while let Some(block) = calls.next().await? {
            for (position, call) in (block.first..).zip(&block.calls) {
                if chosen.binary_search(&position).is_ok() && !call.meta.flags.has(CallFlags::PURGED) {
                    keys.positions.entry((call.meta.key, call.meta.key2)).or_default().push(position);
                }
            }
        }
        Ok(keys)
    }
}

impl Engine {
    /// Copies the calls of an earlier run into the segments of this one.
    async fn copy(&self, run: &RunRecord, replay: &Replay) -> Result<Extraction> {
        let reader = self.reader();
        let old = reader.known(replay.run).await?;
        let clock = old.clock.unwrap_or(old.started_at);
        let last_sync_time = old.last_sync_time.as_deref().unwrap_or("0");
        self.state.begin_extraction(run.id, clock, last_sync_time).await?;
        let segments = reader.kept_calls(&old).await?;
        let destination = run.spec.options.destination.clone().unwrap_or_default();
        let header = SpoolHeader {
            run: run.id,
            sync: run.sync.clone(),
            source: run.spec.source.clone(),
            call_type: run.call_type,
            columns: Vec::new(),
            max_bytes: None,
        };
        let chosen = match replay.mode {
            ReplayMode::All => None,
            ReplayMode::AsSent | ReplayMode::Requery | ReplayMode::Rejected => {
                Some(reader.chosen(replay, &destination).await?)
            }
        };
        let (spooled, positions) = self.copy_calls(&old, &segments, chosen.as_deref(), header).await?;
        let replayed = Replayed { run: replay.run, destination, positions };
        let fills = self.copied_gap(run, replay).await?;
        // The destination may have an older state of a person now: nothing that was sent before is
        // known to be the latest value.
        let void = spooled.entries > 0 && !watermark::is_event(run.call_type);
        let before = if void { Some(self.state.sync(&run.sync).await?) } else { None };
        Ok(Extraction {
            at: self.clock.now(),
            rows: RowCounts { read: spooled.entries, calls: spooled.entries, ..RowCounts::default() },
            segments: spooled.segments,
            findings: Vec::new(),
            columns: Vec::new(),
            next_last_sync_time: None,
            watermark_update: before.map(|before| SyncState { baseline: None, ..before }),
            objections: Vec::new(),
            budgets: Default::default(),
            replayed: Some(replayed),
            fills_new: Vec::new(),
            compared_with: match fills.is_empty() {
                true => None,
                // What the gap says, should the run be lost.
                false => self.state.compared_with(replay.run).await?,
            },
            fills,
        })
    }

    /// Copies calls, all or those at these positions. Returns the positions of what was copied.
    async fn copy_calls(
        &self,
        run: &RunRecord,
        segments: &[SegmentInfo],
        chosen: Option<&[u64]>,
        header: SpoolHeader,
    ) -> Result<(Spooled, Vec<u64>)> {
        let mut writer = self.spool.create(header).await?;
        match self.copy_chosen(run, segments, chosen, writer.as_mut()).await {
            Ok(copied) => Ok((writer.finish(Edits::default()).await?, copied)),
            Err(error) => {
                writer.abandon().await;
                Err(error)
            }
        }
    }

    async fn copy_chosen(
        &self,
        run: &RunRecord,
        segments: &[SegmentInfo],
        chosen: Option<&[u64]>,
        writer: &mut dyn SpoolWriter,
    ) -> Result<Vec<u64>> {
        let (mut copied, mut unflushed) = (Vec::new(), 0);
        let is_chosen = |position| chosen.is_none_or(|chosen| chosen.binary_search(&position).is_ok());
        let first = match chosen {
            None => 0,
            Some(chosen) => match chosen.first() {
                Some(first) => *first,
                None => return Ok(copied),
            },
        };
        let mut calls = self.reader().calls_until_stopped(run, segments, first).await?;
        while let Some(block) = calls.next().await? {
            for (position, call) in (block.first..).zip(&block.calls) {
                if call.unchanged || call.meta.flags.has(CallFlags::PURGED) || !is_chosen(position) {
                    continue;
                }
                copied.push(position);
                writer.call(&call.meta, block.json(call))?;
                unflushed += block.json(call).len();
            }
            if unflushed >= FLUSH_BYTES {
                unflushed = 0;
                writer.flush().await?;
            }
        }
        Ok(copied)
    }
}

impl Extractor<'_> {
    /// The whole extraction of a replay as sent: no query, a copy.
    pub(crate) async fn copy(&self, replay: &Replay) -> std::result::Result<(), Errors> {
        let started = Instant::now();
        let extraction = self.engine.copy(self.run, replay).await?;
        let rows = extraction.rows;
        guard::commit(&*self.engine.state, self.run, extraction, &self.engine.budgets).await?;
        (self.observer)(Event::Extracted {
            sync: self.run.sync.clone(),
            run: self.run.id,
            rows,
            findings: Vec::new(),
            seconds: started.elapsed().as_secs_f64(),
        });
        Ok(())
    }

    /// What a re-queried replay keeps of the result; `None` for every other run.
    pub(crate) async fn wanted_keys(&self) -> Result<Option<WantedKeys>> {
        let options = &self.run.spec.options;
        let (Some(replay), Some(destination)) = (options.replay(), &options.destination) else {
            return Ok(None);
        };
        self.engine.reader().wanted_keys(replay, destination).await.map(Some)
    }

    /// The dead letters whose keys the result gave.
    pub(crate) fn replayed(&self, wanted: Option<Wanted>) -> Option<Replayed> {
        let options = &self.run.spec.options;
        let (replay, destination) = (options.replay()?, options.destination.clone()?);
        let Some(Wanted::Keys(keys)) = wanted else { return None };
        let found = keys.positions.into_iter().filter(|(key, _)| keys.seen.contains(key));
        let mut positions: Vec<u64> = found.flat_map(|(_, positions)| positions).collect();
        positions.sort_unstable();
        Some(Replayed { run: replay.run, destination, positions })
    }
}

fn no_destination(record: &RunRecord, name: &str, names: &[String]) -> Error {
    Error::new(Code::NoSuchSyncOrRun, format!("run {} had no destination named {name:?}", record.id))
        .help(format!("it had: {}; --all sends all of its calls to another one", names.join(", ")))
}

/// Whether a replay sends this dead letter again.
fn wanted(letter: &DeadLetter, code: Option<Code>, force: bool) -> bool {
    code.is_none_or(|code| letter.code == code) && (force || letter.replayed_by.is_none())
}

/// Whom a call is about, for people.
fn identifier(json: &[u8]) -> String {
    let call: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
    let keys = if call["type"] == "group" { &["groupId", "userId"][..] } else { &["userId", "anonymousId"] };
    let id = keys.iter().find_map(|key| call[*key].as_str()).or_else(|| call["traits"]["email"].as_str());
    id.unwrap_or_default().to_owned()
}

/// Why a re-queried replay cannot begin: an older state of the same people may still be on its way
/// to the destination.
pub(crate) async fn in_the_way(engine: &Engine, sync: &str, options: &RunOptions) -> Result<()> {
    let requery = options.replay().is_some_and(|r| r.mode.queries());
    for run in engine.state.unfinished_runs().await?.into_iter().filter(|r| requery && r.sync == sync) {
        let deliveries = engine.state.deliveries(run.id).await?;
        let same = |d: &outflow_core::ports::state::DeliveryRecord| {
            Some(&d.destination) == options.destination.as_ref() && d.counts.pending > 0
        };
        if run.state != RunState::Delivering || deliveries.iter().any(same) {
            return Err(Error::new(
                Code::RunInProgress,
                format!("run {} of {sync} is {}", run.id, run.state),
            )
            .help("replay when it is finished")
            .next_step(NextStep::Run { sync: sync.to_owned() }));
        }
    }
    Ok(())
}
