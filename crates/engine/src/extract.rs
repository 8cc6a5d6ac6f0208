//! The first half of a run: query, encode, spool, compare, commit.
//!
//! What always holds: an extraction is committed whole or counts for nothing. A source that breaks
//! off, a stop, a full disk: the segments are deleted, `last_sync_time` stays. A guard may make the
//! commit hold the run ([`guard`]).

pub(crate) mod cursor;
mod fill;
pub mod guard;
pub(crate) mod identity;
mod next_start;
mod reading;
mod rejections;
mod sample;
pub(crate) mod wanted;
pub(crate) mod wanted_keys;
mod wanted_rows;
pub(crate) mod watermark;

use std::time::Instant;

use outflow_core::ports::baseline::{Compared, Comparison, ComparisonSpec, RetainedHashes};
use outflow_core::ports::spool::{Edits, SpoolHeader, SpoolWriter, Spooled};
use outflow_core::ports::state::{BaselineRun, Extraction, SyncState};
use outflow_core::ports::warehouse::{RowStream, Statement, Warehouse};
use outflow_core::run::{FindingCount, RunKind};
use outflow_core::{
    Code, Column, Error, NextStep, Positions, RowCounts, RunId, RunRecord, SyncSpec, Timestamp,
};
use outflow_mapping::{EventIdentity, Plan, RowEncoder};
use outflow_query::Query;
use tokio::sync::watch;
use tracing::debug;

use self::cursor::{CursorTracker, CursorValue};
use self::fill::{FillEnd, FillPlan};
use self::identity::Identity;
use self::reading::{Reading, pages, read_overlap};
use self::rejections::{Kept, Rejections};
use self::wanted::Wanted;
use self::watermark::Clocks;
use crate::clock::Elapsed;
use crate::event::{Event, Note, Observer};
use crate::stop::{interrupted, stopped};
use crate::{Engine, Errors, read_only, zones};

/// An extraction that is running.
pub(crate) struct Extractor<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) spec: &'a SyncSpec,
    /// The sync as its next run has it: with all of its destinations, and after edits.
    pub(crate) next: &'a SyncSpec,
    pub(crate) warehouse: &'a dyn Warehouse,
    pub(crate) run: &'a RunRecord,
    pub(crate) observer: &'a Observer,
}

/// What a result is compared with.
struct Comparing<'a> {
    /// The query once more, from where the next run begins.
    overlap: Option<String>,
    /// The run that is compared with; for a run that fills a gap, what the next run is compared
    /// with.
    previous: Option<RunId>,
    /// The run fills a gap.
    fill: Option<&'a FillPlan>,
    /// The cursor that the state has.
    cursor: Option<CursorValue>,
    /// In a first run: the zone whose local time the database keeps, if it does not keep UTC.
    zone: Option<String>,
    /// A restore keeps it from being compared.
    restored: bool,
}

/// What reading the whole result came to.
struct ReadOut {
    spooled: Spooled,
    /// Calls that the run compared with made as well. A run with options sends them too.
    same: u64,
    /// The hashes of the run compared with were whole.
    was_compared: bool,
    findings: Vec<FindingCount>,
    read: u64,
    /// Rows that the run compared with rejected as well.
    rejected_again: u64,
    columns: Vec<Column>,
    cursor: Option<CursorValue>,
    wanted: Option<Wanted>,
}

impl Extractor<'_> {
    /// Reads, shapes, spools and commits. On any error nothing is left but the run's record.
    pub(crate) async fn run(&self) -> Result<(), Errors> {
        let started = Instant::now();
        let spec = self.spec;
        let options = &self.run.spec.options;
        if let Some(replay) = options.replay().filter(|replay| !replay.mode.queries()) {
            return self.copy(replay).await;
        }
        let query = Query::parse(&spec.query, spec.dialect)?;
        let fill = match &options.kind {
            RunKind::Backfill { first, until, .. } => match self.plan_fill(*first, *until, &query).await? {
                Some(plan) => Some(plan),
                None => return self.nothing_to_fill().await,
            },
            _ => None,
        };
        let ordinary = options.is_incremental();
        let (before, restored) = self.sync_state().await?;

        let mut stop = self.engine.stop.clone();
        let (mut session, mut clocks) = tokio::select! {
            opened = Clocks::read_with_open(self.warehouse, &*self.engine.clock) => opened?,
            () = stopped(&mut stop) => return Err(interrupted().into()),
        };
        clocks.first = self.run.clock;
        clocks.look_back(&*self.engine.state, spec, &before).await?;
        let clock = clocks.warehouse;
        let mut value = watermark::start_value(spec, &before, options, &clocks);
        let next = |state: &SyncState| {
            let spec = if fill.is_some() { self.next } else { spec };
            watermark::start_value(spec, state, &Default::default(), &clocks)
        };
        let to_next = fill.as_ref().is_some_and(|fill| matches!(fill.end, FillEnd::NextRun));
        if to_next {
            // What the next run reads is then a part of what this one reads.
            value = watermark::earlier(value, next(&before));
        }
        let text = watermark::text(&value);
        let key = self.engine.state.begin_extraction(self.run.id, clock, &text).await?;
        let (previous, void) = match fill.is_some() && !to_next {
            // What is newer than the gap is nothing that the next run reads.
            true => (None, None),
            false => self.previous(&before, restored, fill.is_some()),
        };
        let zone = match ordinary && before.watermark.is_none() {
            true => zones::local(&mut *session).await?,
            false => None,
        };
        let newcomers = self.engine.newcomers(self.run).await?;
        let moved = |seen, took| watermark::moved(spec, &before, seen, &value, &clocks, self.run.id, took);
        let planned = moved(None, Elapsed::Unknown);
        let texts = [watermark::note(spec, &before, &clocks), next_start::note(spec, &planned, clock)];
        let begin = texts.into_iter().flatten().filter(|_| ordinary);
        let begin = begin.map(|text| Note { text, next: None });
        let local = match &zone {
            Some(zone) => zones::compared(&mut *session, &query, zone).await?,
            None => None,
        };
        let local = local.map(|text| Note { text, next: None });
        let notes = begin.chain(void).chain(newcomers).chain(local).collect();
        (self.observer)(Event::Reading {
            sync: self.run.sync.clone(),
            run: self.run.id,
            last_sync_time: text,
            notes,
        });

        let at_start = clocks.at_start();
        let after = |state: &SyncState| watermark::start_value(spec, state, &Default::default(), &at_start);
        let overlap = match &fill {
            Some(FillPlan { end: FillEnd::At(value), .. }) => Some(query.render(value)),
            Some(FillPlan { end: FillEnd::Unknown, .. }) => None,
            Some(_) => before.watermark.is_some().then(|| query.render(&next(&before))),
            None => self.overlaps(&query).then(|| query.render(&after(&planned))),
        };
        let statement = Statement {
            sql: query.render(&value),
            label: label(&spec.name),
            timeout: spec.query_timeout,
            limit: options.limit,
            hold: overlap.is_some(),
        };
        debug!("query sent");
        let stream = tokio::select! {
            stream = read_only::query(session, self.warehouse, &query, statement) => stream?,
            () = stopped(&mut stop) => return Err(interrupted().into()),
        };
        let run = RunRecord { key, ..self.run.clone() };
        let keyed = Extractor { run: &run, ..*self };
        let cursor = watermark::cursor(spec, &before);
        let comparing = Comparing { overlap, previous, fill: fill.as_ref(), cursor, zone, restored };
        let out = keyed.read(stream, &query, clock, comparing, stop).await?;

        let Spooled { entries, unchanged, rejected, .. } = out.spooled;
        let calls = entries.checked_sub(unchanged);
        let (calls_made, rejected_again) = (calls.unwrap_or_default(), out.rejected_again);
        let unchanged = unchanged.saturating_add(rejected_again);
        let rows = RowCounts { read: out.read, calls: calls_made, rejected, unchanged, rejected_again };
        if calls.is_none() || !rows.closed() {
            return Err(
                Error::new(Code::CountsDiffer, format!("the extraction does not add up: {rows:?}")).into()
            );
        }
        let watermark_update = if ordinary {
            Some(moved(out.cursor, clocks.passed(&*self.engine.clock)))
        } else if fill.is_some() {
            self.baseline_after_fill(&before, previous, &out)
        } else {
            // It sent calls that the run before it did not. Only calls sent by both still reflect
            // the latest value, so only those are compared with.
            // An event that is sent once more takes nothing back.
            let is_event = options.replay().is_some() && watermark::is_event(self.run.call_type);
            let news = before.baseline.is_some() && out.spooled.entries > out.same && !is_event;
            news.then(|| {
                let mut update = before.clone();
                update.baseline.iter_mut().for_each(|baseline| baseline.run = self.run.id);
                update
            })
        };
        let next = next(watermark_update.as_ref().unwrap_or(&before));
        let (fills, fills_new) = match &fill {
            Some(fill) => (fill.gaps.clone(), fill.new.clone()),
            None => self.engine.covered_gaps(self.run).await?,
        };
        let extraction = Extraction {
            at: self.engine.clock.now(),
            rows,
            segments: out.spooled.segments,
            findings: out.findings.clone(),
            columns: out.columns,
            next_last_sync_time: Some(watermark::text(&next)),
            watermark_update,
            replayed: self.replayed(out.wanted),
            fills,
            fills_new,
            compared_with: match &fill {
                Some(fill) => fill.before,
                None => previous.filter(|_| ordinary),
            },
            objections: Vec::new(),
            budgets: Default::default(),
        };
        guard::commit(&*self.engine.state, self.run, extraction, &self.engine.budgets).await?;
        let seconds = started.elapsed().as_secs_f64();
        (self.observer)(Event::Extracted {
            sync: self.run.sync.clone(),
            run: self.run.id,
            rows,
            findings: out.findings,
            seconds,
        });
        Ok(())
    }

    /// The sync's state, without what it must not be compared with any more; and whether there was
    /// such.
    async fn sync_state(&self) -> outflow_core::Result<(SyncState, bool)> {
        let state = &*self.engine.state;
        let mut sync = watermark::complete(state.sync(&self.spec.name).await?, state).await?;
        let (origin, is_event) = (state.origin().await?, watermark::is_event(self.run.call_type));
        let void = |baseline: &mut BaselineRun| !origin.is_comparable(baseline.run, is_event);
        let restored = sync.baseline.take_if(void).is_some();
        Ok((sync, restored))
    }

    /// The run to compare with, or why there is none although there was one.
    fn previous(&self, before: &SyncState, restored: bool, fills: bool) -> (Option<RunId>, Option<Note>) {
        let Some(baseline) = &before.baseline else {
            let text = format!(
                "{} ({}): rows are sent also where they are unchanged",
                Code::StateRestored.title(),
                Code::StateRestored
            );
            let compares = self.run.spec.options.is_incremental() || fills;
            return (None, (restored && compares).then_some(Note { text, next: None }));
        };
        let compared = if fills { self.next } else { self.spec };
        let left = baseline.fingerprint.as_deref();
        let same = left.is_some_and(|left| watermark::is_comparable(compared, left));
        if same || !(self.run.spec.options.is_incremental() || fills) {
            return (Some(baseline.run), None);
        }
        if fills {
            return (None, None);
        }
        let text = "the query, the type, the cursor or the nulls rule changed since the last run: rows that it \
                    sent are sent again where the query reads them again";
        let next = Some(NextStep::RunFull { sync: self.spec.name.clone() });
        (None, Some(Note { text: text.to_owned(), next }))
    }

    /// Whether the query has to run a second time, to find which rows the next run can read again.
    ///
    /// Two events with equal calls can be one row that is read twice, or an old and a new one. Only
    /// the database knows how many rows the next run has to read. A cursor column is part of
    /// the call, and a state may be sent twice.
    fn overlaps(&self, query: &Query) -> bool {
        self.run.spec.options.is_incremental()
            && self.spec.cursor.is_none()
            && query.uses_last_sync_time()
            && watermark::is_event(self.run.call_type)
    }

    /// Reads the stream to its end. A stop or an error cancels the statement and deletes what was
    /// written.
    async fn read(
        &self,
        mut stream: Box<dyn RowStream>,
        query: &Query,
        clock: Timestamp,
        comparing: Comparing<'_>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<ReadOut, Errors> {
        let mut columns = stream.columns().to_vec();
        query.restore_names(&mut columns);
        debug!(columns = columns.len(), "result begins");
        let mut reading = match self.reading(query, columns.clone(), clock, &comparing).await {
            Ok(reading) => reading,
            Err(errors) => {
                stream.cancel().await;
                return Err(errors);
            }
        };
        let ended = pages(&mut *stream, &mut stop, &mut reading, |reading, page| {
            reading.take(page)?;
            (self.observer)(Event::Read {
                sync: self.run.sync.clone(),
                run: self.run.id,
                rows: reading.read,
                rejected: reading.rejected,
            });
            Ok(())
        });
        let mut ended = ended.await;
        if let (Ok(()), Some(sql), true) = (&ended, &comparing.overlap, reading.needs_overlap())
            && reading.read > 0
        {
            let plan = Plan::compile(self.run.call_type, &columns)?;
            let encoder =
                RowEncoder::new(plan, self.run.key, clock).on_invalid_value(self.spec.on_invalid_value);
            ended = read_overlap(&mut *stream, sql, encoder, &mut reading, &mut stop).await;
        }
        stream.cancel().await;
        reading.keep_all_if_distinguished();
        let mut repeats = 0;
        if let (Ok(()), Some(fill)) = (&ended, comparing.fill) {
            match self.mark_given(&mut reading, fill, query).await {
                Ok(unknown) => repeats = unknown,
                Err(error) => ended = Err(error),
            }
        }
        let mut sent = Positions::default();
        if let (Ok(()), Some(Wanted::Rows(rows))) = (&ended, &reading.wanted) {
            match self.sent_since(rows, reading.not_distinguished == 0).await {
                Ok(positions) => sent = positions,
                Err(error) => ended = Err(error),
            }
        }
        let (cursor, ignored) = match ended.and(reading.largest()) {
            Ok(found) => found,
            Err(error) => {
                reading.abandon().await;
                return Err(error.into());
            }
        };
        let mut findings = reading.findings();
        let Reading { writer, comparison, read, wanted, rejected_before, .. } = reading;
        let rejected_again = rejected_before.repeated;
        let rejected = if comparison.is_some() { rejected_before.into_hashes() } else { Vec::new() };
        let marks = comparing.fill.is_some() || self.run.spec.options.is_incremental();
        let (spooled, compared) = self.finish(writer, comparison, rejected, (marks, sent)).await?;
        let was_compared = !compared.earlier_missing;
        findings.extend(self.findings_of_comparison(&compared, &comparing, repeats, &spooled).await?);
        findings.extend(ignored);
        Ok(ReadOut {
            spooled,
            same: compared.same.count(),
            was_compared,
            findings,
            read,
            rejected_again,
            columns,
            cursor,
            wanted,
        })
    }

    /// Makes the calls and their hashes durable. Returns which calls are the same as in the run
    /// that this one is compared with. They are left out if `marks` says so; otherwise those that
    /// were sent already are.
    async fn finish(
        &self,
        mut writer: Box<dyn SpoolWriter>,
        comparison: Option<Box<dyn Comparison>>,
        rejected: Vec<u128>,
        (marks, sent): (bool, Positions),
    ) -> Result<(Spooled, Compared), Errors> {
        writer.seal().await?;
        let mut compared = match comparison {
            Some(comparison) => comparison.finish().await?,
            None => Compared::default(),
        };
        if !rejected.is_empty() {
            self.engine.baseline.keep_rejections(self.run.id, rejected).await?;
        }
        let unchanged = if marks { compared.same.clone() } else { sent };
        match writer.finish(Edits { unchanged, repeats: std::mem::take(&mut compared.repeats) }).await {
            Ok(spooled) => Ok((spooled, compared)),
            Err(error) => {
                // If this fails, the hashes are orphans and are removed later.
                let _ = self.engine.baseline.remove(self.run.id).await;
                Err(error.into())
            }
        }
    }

    async fn reading(
        &self,
        query: &Query,
        columns: Vec<Column>,
        clock: Timestamp,
        comparing: &Comparing<'_>,
    ) -> Result<Reading, Errors> {
        let previous = comparing.previous;
        let plan = Plan::compile(self.run.call_type, &columns)?;
        let events = Identity::of(self.spec, query, &plan).map_err(Errors::from)?.events;
        let numbers = events.as_ref().is_some_and(EventIdentity::counts_occurrences);
        let retained = match (self.run.spec.options.is_incremental(), previous) {
            _ if comparing.fill.is_some() => Some(RetainedHashes::Shared),
            // Unless each row turns out to be distinguished.
            (true, _) if comparing.overlap.is_some() => Some(RetainedHashes::Overlap),
            (true, _) => Some(RetainedHashes::All),
            (false, Some(_)) => Some(RetainedHashes::Shared),
            // Equal calls are numbered in any case.
            (false, None) => numbers.then_some(RetainedHashes::Shared),
        };
        let mut warnings = Vec::new();
        let whole = |code, column| FindingCount { code, column, rows: 0, samples: Vec::new() };
        for warning in plan.warnings() {
            warnings.push(whole(warning.code, warning.column.clone()));
        }
        if comparing.zone.is_some() {
            let local = zones::without_zone(query, &columns);
            warnings.extend(local.map(|name| whole(Code::LocalTimes, Some(name.to_owned()))));
        }
        // What fills a gap moves no cursor, and an earlier query may not have the column.
        let cursor = match self.spec.cursor.as_ref().filter(|_| comparing.fill.is_none()) {
            Some(name) => Some(CursorTracker::new(name, &columns, clock, comparing.cursor.as_ref())?),
            None => None,
        };
        let run = self.run.id;
        let wanted = self.wanted(&columns).await?;
        let header = SpoolHeader {
            run,
            sync: self.spec.name.clone(),
            source: self.run.spec.source.clone(),
            call_type: self.run.call_type,
            columns,
            max_bytes: self.spec.max_run_bytes,
        };
        let by_key = comparing.fill.is_none() && !watermark::is_event(self.run.call_type);
        let comparison = match retained {
            Some(retained) => {
                let fill = comparing.fill.map(|fill| fill.spec(self.run.call_type));
                let new = ComparisonSpec::new(run, previous, retained);
                let spec = ComparisonSpec { fill, by_key, numbers, ..new };
                Some(self.engine.baseline.begin(spec).await?)
            }
            None => None,
        };
        let kept = match retained {
            Some(RetainedHashes::All) => Kept::All,
            Some(RetainedHashes::Overlap) => Kept::Overlap,
            Some(RetainedHashes::Shared) | None => Kept::Earlier,
        };
        let rejected_before = Rejections::after(&*self.engine.baseline, previous, kept).await?;
        let writer = self.engine.spool.create(header).await?;
        let encoder = RowEncoder::new(plan, self.run.key, clock)
            .with_events(events)
            .on_invalid_value(self.spec.on_invalid_value);
        Ok(Reading {
            run: self.run.clone(),
            encoder,
            writer,
            comparison,
            retained,
            fills: comparing.fill.is_some(),
            numbers: comparing.fill.is_some() && numbers,
            by_key,
            not_distinguished: 0,
            cursor,
            rejections: warnings,
            rejected_before,
            call: Vec::with_capacity(4096),
            wanted,
            ordinal: 0,
            read: 0,
            rejected: 0,
        })
    }
}

/// A label of at most 30 plain characters for the database's own query lists.
pub(crate) fn label(sync: &str) -> String {
    let name: String =
        sync.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("outflow-{}", &name[..name.len().min(22)])
}
