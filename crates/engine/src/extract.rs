//! The first half of a run: query, shape, spool, commit.
//!
//! What always holds: an extraction is committed whole or counts for nothing. A source that breaks off, a stop, a full disk: the segments are deleted,
//! `last_sync_time` stays. A guard may make the commit hold the run ([`guard`]).

pub(crate) mod cursor;
pub mod guard;
pub(crate) mod wanted_keys;
pub(crate) mod watermark;

use std::time::Instant;

use outflow_core::ports::spool::{Keep, SpoolHeader, SpoolWriter, Spooled};
use outflow_core::ports::state::{Extraction, SyncState};
use outflow_core::ports::warehouse::{RowStream, Statement, Warehouse};
use outflow_core::run::{FindingCount, ReplayMode};
use outflow_core::{
    Code, Column, Error, NextStep, RowCounts, RowPage, RunId, RunRecord, SyncSpec, Timestamp,
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
use crate::{Engine, Errors, blocking};

/// How many of the rows with one finding are kept in the state. All of them are in the spool.
const SAMPLES: usize = 5;
/// A larger row is no sample: it would swell the state.
const SAMPLE_BYTES: usize = 16 << 10;

/// An extraction under way.
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
        if let Some(replay) = options.replay().filter(|replay| replay.again != ReplayMode::Requery) {
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
        let clock = clocks.warehouse;
        let value = watermark::start_value(spec, &before, options, &clocks);
        let text = watermark::text(&value);
        self.engine.state.begin_extraction(self.run.id, clock, &text).await?;
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
        let next = |state: &SyncState| watermark::start_value(spec, state, &Default::default(), &clocks);
        let again = self.reads_again(&query).then(|| query.render(&next(&moved(None))));
        let statement = Statement {
            sql: query.render(&value),
            label: label(&spec.name),
            timeout: spec.query_timeout,
            limit: options.limit,
            hold: again.is_some(),
        };
        debug!("query sent");
        let stream = tokio::select! {
            stream = session.query(statement) => stream?,
            () = stopped(&mut stop) => return Err(interrupted().into()),
        };
        let out = self.read(stream, &query, clock, again, previous, stop).await?;

        // A run with options leaves out nothing.
        let unchanged = if ordinary { out.spooled.unchanged } else { 0 };
        let rows = RowCounts {
            read: out.read,
            calls: out.spooled.entries - unchanged,
            rejected: out.spooled.rejected,
            unchanged,
        };
        if !rows.closed() {
            return Err(
                Error::new(Code::CountsDiffer, format!("the extraction does not add up: {rows:?}")).into()
            );
        }
        let watermark_update = if ordinary {
            Some(moved(out.cursor))
        } else {
            // It sent something that the run before it did not: of what that one sent, only what it sent as well is still the last word.
            let news = before.baseline.is_some() && out.spooled.entries > out.spooled.unchanged;
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

    /// Whether the database may have to be asked which rows the next run can read again.
    ///
    /// Of two events whose calls are the same, one may be a row that is read again and the other a new one. Only the database knows how many rows lie behind
    /// the next run's start. A cursor column is in the call, and how something is may be said twice.
    fn reads_again(&self, query: &Query) -> bool {
        self.run.spec.options.is_incremental()
            && self.spec.cursor.is_none()
            && query.uses_last_sync_time()
            && watermark::is_event(self.run.call_type)
    }

    /// Takes the stream to its end. A stop or an error cancels the statement and deletes what was written.
    async fn read(
        &self,
        mut stream: Box<dyn RowStream>,
        query: &Query,
        clock: Timestamp,
        again: Option<String>,
        previous: Option<RunId>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<ReadOut, Errors> {
        let mut columns = stream.columns().to_vec();
        query.restore_names(&mut columns);
        debug!(columns = columns.len(), "result begins");
        let mut reading = match self.reading(columns.clone(), clock, again.is_some(), previous).await {
            Ok(reading) => reading,
            Err(errors) => {
                stream.cancel().await;
                return Err(errors);
            }
        };
        let ended = pages(&mut *stream, &mut stop, |page| {
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
        if let (Ok(()), Some(sql), Keep::Named) = (&ended, &again, reading.keep)
            && reading.read > 0
        {
            // The result is complete; but if this fails, the next run could not tell what it reads again, and would send it under other ids.
            let mut encoder =
                RowEncoder::new(Plan::compile(self.run.call_type, &columns)?, self.run.key, clock);
            let asked = tokio::select! {
                asked = stream.requery_snapshot(sql) => asked,
                () = stopped(&mut stop) => Err(interrupted()),
            };
            ended = match asked {
                Ok(()) => pages(&mut *stream, &mut stop, |page| reading.name(page, &mut encoder)).await,
                Err(error) => Err(error),
            };
        }
        stream.cancel().await;
        if let Err(error) = ended {
            tokio::task::block_in_place(|| reading.writer.abandon());
            return Err(error.into());
        }
        let findings = reading.findings();
        let Reading { writer, read, cursor, wanted, .. } = reading;
        let spooled = blocking(move || writer.finish(previous)).await?;
        let cursor = cursor.and_then(CursorTracker::largest);
        Ok(ReadOut { spooled, findings, read, columns, cursor, wanted })
    }

    async fn reading(
        &self,
        columns: Vec<Column>,
        clock: Timestamp,
        again: bool,
        previous: Option<RunId>,
    ) -> Result<Reading, Errors> {
        let plan = Plan::compile(self.run.call_type, &columns)?;
        let keep = match (self.run.spec.options.is_incremental(), previous) {
            (true, _) if again && !plan.tells_events_apart() => Keep::Named,
            (true, _) => Keep::All,
            (false, Some(_)) => Keep::Shared,
            (false, None) => Keep::Nothing,
        };
        let mut warnings = Vec::new();
        for (code, _) in plan.warnings() {
            warnings.push(FindingCount { code: *code, column: None, rows: 0, samples: Vec::new() });
        }
        let cursor = match &self.spec.cursor {
            Some(name) => Some(CursorTracker::new(name, &columns)?),
            None => None,
        };
        let header = SpoolHeader {
            run: self.run.id,
            sync: self.spec.name.clone(),
            source: self.run.spec.source.clone(),
            call_type: self.run.call_type,
            columns,
            max_bytes: self.spec.max_run_bytes,
            keep,
        };
        let wanted = self.wanted_keys().await?;
        let spool = self.engine.spool.clone();
        let writer = blocking(move || spool.create(header)).await?;
        let encoder = RowEncoder::new(plan, self.run.key, clock);
        Ok(Reading {
            run: self.run.clone(),
            encoder,
            writer,
            keep,
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
    keep: Keep,
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
                Ok(shaped) => self.writer.call(&shaped.meta, shaped.content, &self.call)?,
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

    /// Names the calls that the next run can read again.
    fn name(&mut self, page: &RowPage, encoder: &mut RowEncoder) -> outflow_core::Result<()> {
        for row in page.iter() {
            self.call.clear();
            if let Ok(shaped) = encoder.shape(row, 0, &mut self.call) {
                self.writer.again(shaped.content)?;
            }
        }
        Ok(())
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
            && let Ok(sample) = serde_json::to_string(rejection)
            && sample.len() <= SAMPLE_BYTES
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

/// Takes every page of a result. A stop is the error E001.
async fn pages(
    stream: &mut dyn RowStream,
    stop: &mut watch::Receiver<bool>,
    mut take: impl FnMut(&RowPage) -> outflow_core::Result<()>,
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
        // Shaping a page takes under a millisecond, but the spool may make it wait for the disk.
        tokio::task::block_in_place(|| take(&page))?;
    }
}

/// A label of at most 30 plain characters for the database's own query lists.
pub(crate) fn label(sync: &str) -> String {
    let name: String =
        sync.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("outflow-{}", &name[..name.len().min(22)])
}
