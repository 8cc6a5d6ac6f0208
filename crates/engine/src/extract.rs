//! The first half of a run: query, encode, spool, compare, commit.
//!
//! What always holds: an extraction is committed whole or counts for nothing. A source that breaks
//! off, a stop, a full disk: the segments are deleted, `last_sync_time` stays. A guard may make the
//! commit hold the run ([`guard`]).

pub(crate) mod cursor;
pub mod guard;
mod sample;
pub(crate) mod wanted_keys;
pub(crate) mod watermark;

use std::time::Instant;

use outflow_core::ports::baseline::{Comparison, ComparisonSpec, RetainedHashes};
use outflow_core::ports::spool::{SpoolHeader, SpoolWriter, Spooled};
use outflow_core::ports::state::{Extraction, SyncState};
use outflow_core::ports::warehouse::{RowStream, Statement, Warehouse};
use outflow_core::run::{FindingCount, ReplayMode};
use outflow_core::{
    Code, Column, Error, NextStep, Positions, RowCounts, RowPage, RunId, RunRecord, SyncSpec, Timestamp,
};
use outflow_mapping::{Plan, RowEncoder};
use outflow_query::Query;
use tokio::sync::watch;
use tracing::debug;

use self::cursor::{CursorTracker, CursorValue};
use self::wanted_keys::WantedKeys;
use self::watermark::Clocks;
use crate::event::{Event, Note, Observer};
use crate::stop::{interrupted, stopped};
use crate::{Engine, Errors, read_only};

/// How many of the rows with one finding are kept in the state. All of them are in the spool.
const SAMPLES: usize = 5;
/// A larger row is no sample: it would swell the state.
const SAMPLE_BYTES: usize = 16 << 10;

/// An extraction that is running.
pub(crate) struct Extractor<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) spec: &'a SyncSpec,
    pub(crate) warehouse: &'a dyn Warehouse,
    pub(crate) run: &'a RunRecord,
    pub(crate) observer: &'a Observer,
}

/// What reading the whole result came to.
struct ReadOut {
    spooled: Spooled,
    /// Calls that the run compared with made as well. A run with options sends them too.
    same: u64,
    findings: Vec<FindingCount>,
    read: u64,
    columns: Vec<Column>,
    cursor: Option<CursorValue>,
    wanted: Option<WantedKeys>,
}

impl Extractor<'_> {
    /// Reads, shapes, spools and commits. On any error nothing is left but the run's record.
    pub(crate) async fn run(&self) -> Result<(), Errors> {
        let started = Instant::now();
        let spec = self.spec;
        let options = &self.run.spec.options;
        if let Some(replay) = options.replay().filter(|replay| replay.mode != ReplayMode::Requery) {
            return self.copy(replay).await;
        }
        let ordinary = options.is_incremental();
        let query = Query::parse(&spec.query, spec.dialect)?;
        let before = self.sync_state().await?;

        let mut stop = self.engine.stop.clone();
        let (session, mut clocks) = tokio::select! {
            opened = Clocks::read(self.warehouse, &*self.engine.clock) => opened?,
            () = stopped(&mut stop) => return Err(interrupted().into()),
        };
        clocks.first = self.run.clock;
        clocks.look_back(&*self.engine.state, spec, &before).await?;
        let clock = clocks.warehouse;
        let value = watermark::start_value(spec, &before, options, &clocks);
        let text = watermark::text(&value);
        let key = self.engine.state.begin_extraction(self.run.id, clock, &text).await?;
        let (previous, void) = self.previous(&before);
        let newcomers = self.engine.newcomers(self.run).await?;
        let begin = watermark::note(spec, &before, &clocks).filter(|_| ordinary);
        let begin = begin.map(|text| Note { text, next: None });
        let notes = begin.into_iter().chain(void).chain(newcomers).collect();
        (self.observer)(Event::Reading {
            sync: self.run.sync.clone(),
            run: self.run.id,
            last_sync_time: text,
            notes,
        });

        let moved = |seen| watermark::moved(spec, &before, seen, &value, &clocks, self.run.id);
        let at_start = clocks.at_start();
        let next = |state: &SyncState| watermark::start_value(spec, state, &Default::default(), &at_start);
        let overlap = self.overlaps(&query).then(|| query.render(&next(&moved(None))));
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
        let out = keyed.read(stream, &query, clock, overlap, previous, stop).await?;

        let rows = RowCounts {
            read: out.read,
            calls: out.spooled.entries - out.spooled.unchanged,
            rejected: out.spooled.rejected,
            unchanged: out.spooled.unchanged,
        };
        if !rows.closed() {
            return Err(
                Error::new(Code::CountsDiffer, format!("the extraction does not add up: {rows:?}")).into()
            );
        }
        let watermark_update = if ordinary {
            Some(moved(out.cursor))
        } else {
            // It sent calls that the run before it did not. Only calls sent by both still reflect
            // the latest value, so only those are compared with.
            let news = before.baseline.is_some() && out.spooled.entries > out.same;
            news.then(|| {
                let mut update = before.clone();
                update.baseline.iter_mut().for_each(|baseline| baseline.run = self.run.id);
                update
            })
        };
        let next = next(watermark_update.as_ref().unwrap_or(&before));
        let extraction = Extraction {
            at: self.engine.clock.now(),
            rows,
            segments: out.spooled.segments,
            findings: out.findings.clone(),
            columns: out.columns,
            next_last_sync_time: Some(watermark::text(&next)),
            watermark_update,
            replayed: self.replayed(out.wanted),
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

    async fn sync_state(&self) -> outflow_core::Result<SyncState> {
        self.engine.state.sync(&self.spec.name).await
    }

    /// The run to compare with, or why there is none although there was one.
    fn previous(&self, before: &SyncState) -> (Option<RunId>, Option<Note>) {
        let Some(baseline) = &before.baseline else { return (None, None) };
        let same = baseline.fingerprint.as_deref() == Some(watermark::fingerprint(self.spec).as_str());
        if same || !self.run.spec.options.is_incremental() {
            return (Some(baseline.run), None);
        }
        let text = "the query, the type, the nulls rule or the lookback changed since the last run: rows that it \
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
        overlap: Option<String>,
        previous: Option<RunId>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<ReadOut, Errors> {
        let mut columns = stream.columns().to_vec();
        query.restore_names(&mut columns);
        debug!(columns = columns.len(), "result begins");
        let mut reading = match self.reading(columns.clone(), clock, overlap.is_some(), previous).await {
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
        if let (Ok(()), Some(sql), true) = (&ended, &overlap, reading.needs_overlap())
            && reading.read > 0
        {
            let plan = Plan::compile(self.run.call_type, &columns)?;
            let encoder = RowEncoder::new(plan, self.run.key, clock);
            ended = read_overlap(&mut *stream, sql, encoder, &mut reading, &mut stop).await;
        }
        stream.cancel().await;
        if let Err(error) = ended {
            reading.abandon().await;
            return Err(error.into());
        }
        let findings = reading.findings();
        let Reading { writer, comparison, read, cursor, wanted, .. } = reading;
        let (spooled, same) = self.finish(writer, comparison).await?;
        let cursor = cursor.and_then(CursorTracker::largest);
        Ok(ReadOut { spooled, same, findings, read, columns, cursor, wanted })
    }

    /// Makes the calls and their hashes durable. Returns how many calls are the same as in the run
    /// that this one is compared with; an incremental run marks them as unchanged.
    async fn finish(
        &self,
        mut writer: Box<dyn SpoolWriter>,
        comparison: Option<Box<dyn Comparison>>,
    ) -> Result<(Spooled, u64), Errors> {
        let ordinary = self.run.spec.options.is_incremental();
        writer.seal().await?;
        let same = match comparison {
            Some(comparison) => comparison.finish().await?.same,
            None => Positions::default(),
        };
        let count = same.count();
        match writer.finish(if ordinary { same } else { Positions::default() }).await {
            Ok(spooled) => Ok((spooled, count)),
            Err(error) => {
                // If this fails, the hashes are orphans and are removed later.
                let _ = self.engine.baseline.remove(self.run.id).await;
                Err(error.into())
            }
        }
    }

    async fn reading(
        &self,
        columns: Vec<Column>,
        clock: Timestamp,
        overlaps: bool,
        previous: Option<RunId>,
    ) -> Result<Reading, Errors> {
        let plan = Plan::compile(self.run.call_type, &columns)?;
        let retained = match (self.run.spec.options.is_incremental(), previous) {
            (true, _) if overlaps && !plan.tells_events_apart() => Some(RetainedHashes::Overlap),
            (true, _) => Some(RetainedHashes::All),
            (false, Some(_)) => Some(RetainedHashes::Shared),
            (false, None) => None,
        };
        let mut warnings = Vec::new();
        for (code, _) in plan.warnings() {
            warnings.push(FindingCount { code: *code, column: None, rows: 0, samples: Vec::new() });
        }
        let cursor = match &self.spec.cursor {
            Some(name) => Some(CursorTracker::new(name, &columns)?),
            None => None,
        };
        let run = self.run.id;
        let header = SpoolHeader {
            run,
            sync: self.spec.name.clone(),
            source: self.run.spec.source.clone(),
            call_type: self.run.call_type,
            columns,
            max_bytes: self.spec.max_run_bytes,
        };
        let wanted = self.wanted_keys().await?;
        let comparison = match retained {
            Some(retained) => {
                let spec = ComparisonSpec { run, previous, retained };
                Some(self.engine.baseline.begin(spec).await?)
            }
            None => None,
        };
        let writer = self.engine.spool.create(header).await?;
        let encoder = RowEncoder::new(plan, self.run.key, clock);
        Ok(Reading {
            run: self.run.clone(),
            encoder,
            writer,
            comparison,
            retained,
            cursor,
            rejections: warnings,
            call: Vec::with_capacity(4096),
            wanted,
            ordinal: 0,
            read: 0,
            rejected: 0,
        })
    }
}

/// What grows while rows come in.
struct Reading {
    run: RunRecord,
    encoder: RowEncoder,
    writer: Box<dyn SpoolWriter>,
    comparison: Option<Box<dyn Comparison>>,
    retained: Option<RetainedHashes>,
    cursor: Option<CursorTracker>,
    rejections: Vec<FindingCount>,
    call: Vec<u8>,
    /// A replay keeps the rows with these keys; all others count for nothing.
    wanted: Option<WantedKeys>,
    ordinal: u64,
    read: u64,
    rejected: u64,
}

impl Reading {
    fn take(&mut self, page: &RowPage) -> outflow_core::Result<()> {
        for row in page.iter() {
            let ordinal = self.ordinal;
            self.ordinal += 1;
            if let Some(cursor) = &mut self.cursor {
                cursor.see(row)?;
            }
            self.call.clear();
            let shaped = self.encoder.shape(row, ordinal, &mut self.call);
            if let Some(wanted) = &mut self.wanted
                && !shaped.as_ref().is_ok_and(|shaped| wanted.take(&shaped.meta))
            {
                continue;
            }
            self.read += 1;
            match shaped {
                Ok(shaped) => {
                    self.writer.call(&shaped.meta, &self.call)?;
                    if let Some(comparison) = &mut self.comparison {
                        comparison.feed(shaped.meta.key, shaped.content);
                    }
                }
                Err(rejection) => {
                    self.writer.reject(&rejection)?;
                    self.count(&rejection);
                }
            }
            if self.read == guard::FIRST_ROWS {
                guard::first_rows(&self.run, self.rejected)?;
            }
        }
        Ok(())
    }

    fn needs_overlap(&self) -> bool {
        self.retained == Some(RetainedHashes::Overlap)
    }

    /// Marks the calls that the next run can read again.
    fn mark_overlap(&mut self, page: &RowPage, encoder: &mut RowEncoder) -> outflow_core::Result<()> {
        let Some(comparison) = &mut self.comparison else { return Ok(()) };
        for row in page.iter() {
            self.call.clear();
            if let Ok(shaped) = encoder.shape(row, 0, &mut self.call) {
                comparison.mark_overlap(shaped.content);
            }
        }
        Ok(())
    }

    /// Hands over what is buffered.
    async fn flush(&mut self) -> outflow_core::Result<()> {
        self.writer.flush().await?;
        match &mut self.comparison {
            Some(comparison) => comparison.flush().await,
            None => Ok(()),
        }
    }

    /// Deletes what was written.
    async fn abandon(self) {
        self.writer.abandon().await;
        if let Some(comparison) = self.comparison {
            comparison.abandon().await;
        }
    }

    fn count(&mut self, rejection: &outflow_core::ports::spool::Rejection) {
        self.rejected += 1;
        let same = |f: &&mut FindingCount| f.code == rejection.code && f.column == rejection.column;
        let finding = match self.rejections.iter_mut().find(same) {
            Some(finding) => finding,
            None => {
                let (code, column) = (rejection.code, rejection.column.clone());
                self.rejections.push(FindingCount { code, column, rows: 0, samples: Vec::new() });
                let last = self.rejections.len() - 1;
                &mut self.rejections[last]
            }
        };
        finding.rows += 1;
        if finding.samples.len() < SAMPLES
            && let Some(sample) = sample::sample(rejection, SAMPLE_BYTES)
        {
            finding.samples.push(sample);
        }
    }

    /// Rejections and warnings; a warning about the result as a whole counts every row.
    fn findings(&self) -> Vec<FindingCount> {
        if self.wanted.is_some() {
            // The encoder has counted rows, too, that are not part of this run.
            return Vec::new();
        }
        let per_row = self.encoder.findings();
        let mut all: Vec<FindingCount> = Vec::new();
        for finding in self.rejections.iter().chain(&per_row) {
            let mut finding = finding.clone();
            if finding.rows == 0 {
                if per_row.iter().any(|f| f.code == finding.code) {
                    continue;
                }
                finding.rows = self.read;
            }
            if finding.rows > 0 {
                all.push(finding);
            }
        }
        all
    }
}

/// Runs the query once more in the same snapshot, from where the next run begins, and marks the
/// calls that it gives as overlap. If this fails, the run fails: the next run could not tell what
/// it reads again, and would send it under other ids.
async fn read_overlap(
    stream: &mut dyn RowStream,
    sql: &str,
    mut encoder: RowEncoder,
    reading: &mut Reading,
    stop: &mut watch::Receiver<bool>,
) -> outflow_core::Result<()> {
    tokio::select! {
        begun = stream.requery_snapshot(sql) => begun?,
        () = stopped(stop) => return Err(interrupted()),
    }
    pages(stream, stop, reading, |reading, page| reading.mark_overlap(page, &mut encoder)).await
}

/// Takes every page of a result. A stop is the error E001.
async fn pages(
    stream: &mut dyn RowStream,
    stop: &mut watch::Receiver<bool>,
    reading: &mut Reading,
    mut take: impl FnMut(&mut Reading, &RowPage) -> outflow_core::Result<()>,
) -> outflow_core::Result<()> {
    let mut page = RowPage::default();
    loop {
        let more = tokio::select! {
            more = stream.next(&mut page) => more,
            () = stopped(stop) => Err(interrupted()),
        };
        if !more? {
            return Ok(());
        }
        // Encoding a page takes under a millisecond, and waits for nothing.
        take(reading, &page)?;
        reading.flush().await?;
    }
}

/// A label of at most 30 plain characters for the database's own query lists.
pub(crate) fn label(sync: &str) -> String {
    let name: String =
        sync.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("outflow-{}", &name[..name.len().min(22)])
}
