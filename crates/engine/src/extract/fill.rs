//! A run that fills a gap: which of the rows that it reads its destination has got, or will get.
//!
//! In one snapshot the query runs from where the gap begins, and once more from where the sync's
//! next incremental run will begin. Of the first result is left out what that next run sends, and
//! what the destination got since the gap began: the calls that the kept segments of runs have, as
//! far as deliveries have settled them or still hold them. So no row is sent under two ids, and
//! none is missed.
//!
//! If the query was edited since, what is missing is read with the query that its runs had, and the
//! second query runs from where the last of these runs was read: what is newer has the form of
//! another query, and comes from another run.
//!
//! What always holds: what cannot be read, or could be another row than it seems, is not left out.
//! A call is rather sent again than never. How many calls this concerns is a finding of the run
//! (E120). Dead letters are not sent: they can be replayed.

use std::time::Duration;

use outflow_core::call::{id_bits, message_id};
use outflow_core::clock::earlier;
use outflow_core::ports::baseline::{Compared, FillSpec, OVERTAKEN};
use outflow_core::ports::spool::Spooled;
use outflow_core::ports::state::{DeliveryRecord, Extraction, GapId, MissingCalls, RunFilter, SyncState};
use outflow_core::run::{FindingCount, ReplayMode, RunKind, RunTrigger};
use outflow_core::{
    CallFlags, CallType, Code, DeliveryState, Result, RowCounts, RunId, RunKey, RunRecord, RunState,
};
use outflow_mapping::{content_of, subject};
use outflow_query::{LastSyncTime, Query};

use super::cursor::CursorValue;
use super::reading::Reading;
use super::{Comparing, Extractor, ReadOut, guard, next_start, watermark};
use crate::Errors;
use crate::event::Event;
use crate::run::gone;

/// A run reads rows with times up to its clock, and later ones while its query waits to begin.
const SLACK: Duration = Duration::from_secs(86_400);

/// What a run fills, and what its destination had got before.
pub(super) struct FillPlan {
    /// The gaps that are closed when it is committed.
    pub(super) gaps: Vec<GapId>,
    /// Those that open then, too: the destination is one that no run has had.
    pub(super) new: Vec<MissingCalls>,
    /// From where on it sends nothing.
    pub(super) end: FillEnd,
    /// The last run of whose calls some are missing, if newer ones had another query.
    until: Option<RunId>,
    /// The first run of whose calls some are missing.
    first: RunId,
    /// What `first` was compared with, if its hashes were kept for this.
    pub(super) before: Option<RunId>,
    /// Without such hashes: the destination has got what `first` found unchanged, as the run before
    /// reached it, and the segments have it. Older versions kept such calls.
    has_unchanged: bool,
    /// How many calls the destination got before that neither hashes nor segments have.
    forgotten: u64,
}

/// Where what a run fills ends.
pub(super) enum FillEnd {
    /// Where the sync's next incremental run begins.
    NextRun,
    /// At this value of `{{last_sync_time}}`.
    At(LastSyncTime),
    /// It is not known: all that the query gives is sent.
    Unknown,
}

impl FillPlan {
    /// Whether what a run sent of a person is newer than all that is missing.
    fn is_overtaken_by(&self, run: &RunRecord) -> bool {
        self.until.is_some_and(|until| match &run.spec.options.kind {
            RunKind::Backfill { first, .. } => *first > until,
            RunKind::Replay(_) => false,
            RunKind::Incremental | RunKind::Full | RunKind::Since { .. } => run.id > until,
        })
    }

    /// How calls of this type are compared.
    pub(super) fn spec(&self, call_type: CallType) -> FillSpec {
        FillSpec { before: self.before, by_key: !watermark::is_event(call_type) }
    }
}

/// What a run has given to the destination.
struct Given {
    /// Which positions; `None`: the run had no delivery to it.
    delivery: Option<DeliveryRecord>,
    /// Calls that are pending will arrive.
    is_open: bool,
    /// Calls that were unchanged when they were read had arrived before.
    with_unchanged: bool,
    /// How many calls these are.
    expected: u64,
}

impl Extractor<'_> {
    /// What the run is to fill. `None`: nothing is missing, as another run has filled it.
    pub(super) async fn plan_fill(
        &self,
        first: RunId,
        until: Option<RunId>,
        query: &Query,
    ) -> Result<Option<FillPlan>> {
        let (reader, run) = (self.engine.reader(), self.run);
        let destination = run.spec.options.destination.as_deref().unwrap_or_default();
        let mut gaps = reader.open_gaps(&run.sync, destination).await?;
        gaps.retain(|gap| {
            gap.missing.first >= first
                && until.is_none_or(|until| gap.missing.last <= until)
                && (run.trigger != RunTrigger::Gap || gap.is_automatic())
        });
        let new = match run.trigger {
            RunTrigger::Gap => None,
            _ => reader.newcomer(&run.sync, destination).await?,
        };
        let new = new.map(|missing| self.engine.opened_by(run, missing));
        if gaps.is_empty() && new.is_none() {
            return Ok(None);
        }
        let end = match until {
            None => FillEnd::NextRun,
            Some(until) => self.end_of(until, query).await?,
        };
        let begins = gaps.iter().find(|gap| gap.missing.first == first);
        let before = begins.and_then(|gap| gap.missing.compared_with);
        let origin = self.engine.state.origin().await?;
        let is_comparable = |run: &RunId| origin.is_comparable(*run, watermark::is_event(self.run.call_type));
        let before = before.filter(is_comparable);
        let gaps = gaps.iter().map(|gap| gap.id).collect();
        let new = Vec::from_iter(new);
        let mut plan = FillPlan { gaps, new, end, until, first, before, has_unchanged: false, forgotten: 0 };
        if before.is_none()
            && self.reached_before(first, destination).await?
            && let Some(record) = self.engine.state.run(first).await?
        {
            let segments = self.engine.state.segments(first).await?;
            let compared_with = self.engine.state.compared_with(first).await?;
            let kept = self.engine.baseline.runs().await?;
            match compared_with.filter(|run| kept.contains(run) && is_comparable(run)) {
                _ if record.marked(&segments) > 0 => plan.has_unchanged = true,
                None => plan.forgotten = record.rows.unchanged,
                before => plan.before = before,
            }
        }
        Ok(Some(plan))
    }

    /// From where on a query gives what this run had not read. It had read rows of the second in
    /// which it began, and what was committed late may be before that: rather twice than never.
    async fn end_of(&self, run: RunId, query: &Query) -> Result<FillEnd> {
        let Some(record) = self.engine.state.run(run).await?.filter(|_| query.uses_last_sync_time()) else {
            return Ok(FillEnd::Unknown);
        };
        let Some(clock) = record.clock else { return Ok(FillEnd::Unknown) };
        let seconds = clock.as_second().saturating_add(1);
        if self.spec.cursor.is_none() {
            return Ok(FillEnd::At(LastSyncTime::Seconds(seconds)));
        }
        let next = record.next_last_sync_time.as_deref().and_then(CursorValue::parse);
        if let Some(value) = next.filter(|value| value.seconds(clock, next_start::SPAN).is_some()) {
            return Ok(FillEnd::At(value.at(seconds)));
        }
        // A counter: a later run begins where this one had ended, once the lookback has passed.
        let passed = earlier(clock, self.spec.lookback.saturating_add(Duration::from_secs(1)));
        let mut runs = self.engine.state.runs_since(&record.sync, record.started_at).await?;
        runs.reverse();
        let is_after = |later: &&RunRecord| {
            later.spec.options.is_incremental()
                && later.id > run
                && later.clock.is_some_and(|at| at.duration_since(clock) > clock.duration_since(passed))
        };
        let after = runs.iter().find(is_after).and_then(|later| later.last_sync_time.clone());
        Ok(after.map_or(FillEnd::Unknown, |text| FillEnd::At(watermark::given(&text))))
    }

    /// Whether the destination got all calls of the run that `first` was compared with.
    async fn reached_before(&self, first: RunId, destination: &str) -> Result<bool> {
        let state = &self.engine.state;
        let Some(before) = state.compared_with(first).await? else { return Ok(false) };
        let deliveries = state.deliveries(before).await?;
        let is_lost = state.run(before).await?.is_some_and(|run| run.state == RunState::Lost);
        let reached = |d: &DeliveryRecord| {
            d.counts.cancelled == 0 && d.counts.discarded == 0 && !(is_lost && d.counts.pending > 0)
        };
        Ok(deliveries.iter().any(|d| d.destination == destination && reached(d)))
    }

    /// Commits a run that has nothing to send.
    pub(super) async fn nothing_to_fill(&self) -> std::result::Result<(), Errors> {
        let (state, now) = (&*self.engine.state, self.engine.clock.now());
        let start = match &self.run.spec.options.kind {
            RunKind::Backfill { start, .. } => start.as_str(),
            _ => "0",
        };
        state.begin_extraction(self.run.id, now, start).await?;
        let extraction = Extraction {
            at: now,
            rows: RowCounts::default(),
            segments: Vec::new(),
            findings: Vec::new(),
            columns: Vec::new(),
            next_last_sync_time: None,
            watermark_update: None,
            replayed: None,
            fills: Vec::new(),
            fills_new: Vec::new(),
            compared_with: None,
            objections: Vec::new(),
            budgets: Default::default(),
        };
        guard::commit(state, self.run, extraction, &self.engine.budgets).await?;
        (self.observer)(Event::Extracted {
            sync: self.run.sync.clone(),
            run: self.run.id,
            rows: RowCounts::default(),
            findings: Vec::new(),
            seconds: 0.0,
        });
        Ok(())
    }

    /// Marks what the destination has got since the gap began, run by run. Returns how many calls
    /// it may have got that could not be marked.
    pub(super) async fn mark_given(
        &self,
        reading: &mut Reading,
        fill: &FillPlan,
        query: &Query,
    ) -> Result<u64> {
        let by_key = !watermark::is_event(self.run.call_type);
        let is_distinguished = by_key
            || reading.not_distinguished == 0
            || self.spec.cursor.is_some()
            || !query.uses_last_sync_time();
        let start = self.engine.state.run(self.run.id).await?.ok_or_else(|| gone(self.run.id))?;
        let start = start.last_sync_time.as_deref().and_then(CursorValue::parse);
        let filter = RunFilter::newest(Some(&self.run.sync), 0);
        let mut runs = self.engine.state.runs(&filter).await?;
        // Earlier runs count where nothing else tells what of the overlap with them has arrived.
        let with_earlier = is_distinguished && fill.before.is_none() && !fill.has_unchanged;
        let overlaps = |run: &RunRecord| self.spec.cursor.is_some() || reaches(run, start.as_ref());
        let counts = |run: &RunRecord| run.id >= fill.first || (with_earlier && overlaps(run));
        runs.retain(|run| counts(run) && run.id != self.run.id);
        let mut unknown = if is_distinguished { 0 } else { fill.forgotten };
        let origin = self.engine.state.origin().await?;
        for run in runs.iter().rev() {
            let Some(given) = self.given(run, fill, by_key).await? else { continue };
            let began = run.last_sync_time.as_deref().and_then(CursorValue::parse);
            // Of events that nothing tells apart, a run that began earlier may have sent others.
            let is_known = origin.is_comparable(run.id, !by_key) && (is_distinguished || began >= start);
            let marked = match is_known {
                true => self.mark_run(reading, run, &given, by_key && fill.is_overtaken_by(run)).await?,
                false => 0,
            };
            unknown = unknown.saturating_add(given.expected.saturating_sub(marked));
        }
        Ok(unknown)
    }

    /// What a run has given to the destination; `None`: nothing that counts.
    async fn given(&self, run: &RunRecord, fill: &FillPlan, by_key: bool) -> Result<Option<Given>> {
        let options = &run.spec.options;
        // Each of these rows was sent once; the other kinds repeat what was sent. Of what something
        // is, all that was sent counts, as the last of it holds.
        let is_first_time = match &options.kind {
            RunKind::Incremental => options.is_incremental(),
            RunKind::Backfill { .. } => true,
            RunKind::Replay(replay) => {
                matches!(replay.mode, ReplayMode::All | ReplayMode::Rejected) && !replay.force
            }
            RunKind::Full | RunKind::Since { .. } => false,
        };
        let has_calls = run.extracted_at.is_some()
            && !matches!(run.state, RunState::Rejected | RunState::AwaitingApproval);
        // A full run that was lost is made up for from where it stopped.
        if !has_calls || !(is_first_time || by_key || run.id == fill.first) {
            return Ok(None);
        }
        let deliveries = self.engine.state.deliveries(run.id).await?;
        let is_ours = |d: &DeliveryRecord| Some(&d.destination) == self.run.spec.options.destination.as_ref();
        let delivery = deliveries.into_iter().find(is_ours);
        let counts = delivery.as_ref().map(|delivery| delivery.counts).unwrap_or_default();
        let is_open = run.state == RunState::Delivering
            && delivery
                .as_ref()
                .is_some_and(|d| matches!(d.state, DeliveryState::Delivering | DeliveryState::Stopped));
        let with_unchanged = run.id == fill.first && fill.has_unchanged;
        let numbers = [
            counts.delivered,
            counts.dead_letters,
            counts.filtered,
            if is_open { counts.pending } else { 0 },
            if with_unchanged { run.rows.unchanged_calls() } else { 0 },
        ];
        let expected = numbers.into_iter().fold(0, u64::saturating_add);
        Ok((expected > 0).then_some(Given { delivery, is_open, with_unchanged, expected }))
    }

    /// Marks the calls of a run that its segments still have. Returns how many these are.
    /// What `overtakes` leaves nothing older of its key to be sent.
    async fn mark_run(
        &self,
        reading: &mut Reading,
        run: &RunRecord,
        given: &Given,
        overtakes: bool,
    ) -> Result<u64> {
        let reader = self.engine.reader();
        let key = self.key_of_ids(run).await?;
        let segments = self.engine.state.segments(run.id).await?;
        let mut marked = 0;
        let is_kept = |error: &outflow_core::Error| {
            !matches!(error.code(), Code::SegmentDamaged | Code::SegmentMissing | Code::SpoolIo)
        };
        let mut calls = match reader.calls_until_stopped(run, &segments, 0).await {
            Ok(calls) => calls,
            Err(error) if is_kept(&error) => return Err(error),
            Err(_) => return Ok(0),
        };
        loop {
            let block = match calls.next().await {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(marked),
                Err(error) if is_kept(&error) => return Err(error),
                // What was read until here counts.
                Err(_) => return Ok(marked),
            };
            for (position, call) in (block.first..).zip(&block.calls) {
                let got = match call.unchanged {
                    true => given.with_unchanged,
                    false => {
                        given.is_open || given.delivery.as_ref().is_some_and(|d| d.settled.contains(position))
                    }
                };
                if !got {
                    continue;
                }
                marked += 1;
                let (json, flags) = (block.json(call), call.meta.flags);
                if let (Some(comparison), Some(content), false) = (
                    &mut reading.comparison,
                    content_of(json, flags, &key.message_id(call.meta.ordinal)),
                    flags.has(CallFlags::PURGED),
                ) {
                    let id = message_id(json).filter(|_| reading.numbers && flags.has(CallFlags::CONTENT_ID));
                    match id {
                        Some(id) => comparison.mark_given_id(id_bits(id), content),
                        None if overtakes => comparison.mark_given(subject(&call.meta, json), OVERTAKEN),
                        None => comparison.mark_given(subject(&call.meta, json), content),
                    }
                }
            }
            reading.flush().await?;
        }
    }

    /// What made the message ids of a run's calls: a replay has those of the run that it repeats.
    async fn key_of_ids(&self, run: &RunRecord) -> Result<RunKey> {
        let of = match run.spec.options.replay() {
            Some(replay) if !replay.mode.queries() => self.engine.state.run(replay.run).await?,
            _ => None,
        };
        Ok(of.map_or(run.key, |of| of.key))
    }

    /// The sync's state after a run that filled a gap, if it changes.
    ///
    /// What the run before read and this one no longer found may have been what the destination
    /// lacks: should it come back, the next run has to send it.
    pub(super) fn baseline_after_fill(
        &self,
        before: &SyncState,
        previous: Option<RunId>,
        out: &ReadOut,
    ) -> Option<SyncState> {
        if watermark::is_event(self.run.call_type) || previous.is_none() || !out.was_compared {
            return None;
        }
        let mut update = before.clone();
        match out.spooled.entries {
            0 => update.baseline = None,
            _ => update.baseline.iter_mut().for_each(|baseline| baseline.run = self.run.id),
        }
        Some(update)
    }

    /// What to say of hashes that were not there, as the run sends more than it should, and of ids
    /// that stand for several contents.
    pub(super) async fn findings_of_comparison(
        &self,
        compared: &Compared,
        comparing: &Comparing<'_>,
        mut repeats: u64,
        spooled: &Spooled,
    ) -> Result<Vec<FindingCount>> {
        let mut found = Vec::new();
        let made_calls = async |run: Option<RunId>| -> Result<bool> {
            let Some(run) = run else { return Ok(false) };
            let record = self.engine.state.run(run).await?;
            Ok(record.is_some_and(|run| run.rows.calls > 0 || run.rows.unchanged_calls() > 0))
        };
        let finding = |code, rows| FindingCount { code, column: None, rows, samples: Vec::new() };
        if compared.repeated_ids > 0 {
            found.push(finding(Code::RepeatedMessageIds, compared.repeated_ids));
        }
        if comparing.restored && (comparing.fill.is_some() || self.run.spec.options.is_incremental()) {
            found.push(finding(Code::StateRestored, spooled.entries));
        }
        if compared.earlier_missing && made_calls(comparing.previous).await? {
            tracing::warn!(code = %Code::BaselineMissing, run = self.run.id.0, "{}", Code::BaselineMissing.title());
            found.push(finding(Code::BaselineMissing, spooled.entries));
        }
        if let Some(fill) = comparing.fill {
            if compared.before_missing && made_calls(fill.before).await? {
                let first = self.engine.state.run(fill.first).await?;
                repeats = repeats.saturating_add(first.map_or(0, |run| run.rows.unchanged_calls()));
            }
            if repeats > 0 {
                found.push(finding(Code::BackfillRepeats, repeats));
            }
        }
        Ok(found)
    }
}

/// Whether a run can have read rows that a run from `start` on reads, too.
fn reaches(run: &RunRecord, start: Option<&CursorValue>) -> bool {
    let Some(clock) = run.clock else { return false };
    let latest = clock.checked_add(SLACK).unwrap_or(clock).as_second();
    CursorValue::parse(&latest.to_string()).as_ref().zip(start).is_none_or(|(latest, start)| latest >= start)
}
