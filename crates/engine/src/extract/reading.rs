//! A result while it is read: rows become calls or rejections, and go to the spool and the
//! comparison.
//!
//! What always holds: a stop ends the reading with E001, and what was written until then is deleted
//! by [`Reading::abandon`]. What it does not do: open the statement, or commit.

use outflow_core::call::{id_bits, message_id};
use outflow_core::ports::baseline::{Comparison, RetainedHashes};
use outflow_core::ports::spool::{Rejection, SpoolWriter};
use outflow_core::ports::warehouse::RowStream;
use outflow_core::run::FindingCount;
use outflow_core::{CallFlags, Code, RowPage, RunRecord};
use outflow_mapping::{RowEncoder, subject};
use tokio::sync::watch;

use super::cursor::{CursorTracker, CursorValue};
use super::guard;
use super::rejections::Rejections;
use super::sample::sample;
use super::wanted::Wanted;
use crate::stop::{interrupted, stopped};

/// How many of the rows with one finding are kept in the state. All of them are in the spool.
const SAMPLES: usize = 5;
/// A larger row is no sample: it would swell the state.
const SAMPLE_BYTES: usize = 16 << 10;

/// What grows while rows come in.
pub(super) struct Reading {
    pub(super) run: RunRecord,
    pub(super) encoder: RowEncoder,
    pub(super) writer: Box<dyn SpoolWriter>,
    pub(super) comparison: Option<Box<dyn Comparison>>,
    pub(super) retained: Option<RetainedHashes>,
    /// The run fills a gap: calls are compared by what they are about.
    pub(super) fills: bool,
    /// The same, and equal calls are numbered by their ids.
    pub(super) numbers: bool,
    /// Calls say how something is: of those about the same, the last one holds.
    pub(super) by_key: bool,
    /// Calls that another event may make, too.
    pub(super) not_distinguished: u64,
    pub(super) cursor: Option<CursorTracker>,
    pub(super) rejections: Vec<FindingCount>,
    /// Which rejected rows the run before rejected, too.
    pub(super) rejected_before: Rejections,
    pub(super) call: Vec<u8>,
    /// A replay keeps these rows; all others count for nothing.
    pub(super) wanted: Option<Wanted>,
    pub(super) ordinal: u64,
    pub(super) read: u64,
    pub(super) rejected: u64,
}

impl Reading {
    pub(super) fn take(&mut self, page: &RowPage) -> outflow_core::Result<()> {
        for row in page.iter() {
            let ordinal = self.ordinal;
            self.ordinal += 1;
            if let Some(cursor) = &mut self.cursor {
                cursor.see(row)?;
            }
            self.call.clear();
            let shaped = self.encoder.shape(row, ordinal, &mut self.call);
            if let Some(wanted) = &mut self.wanted
                && !shaped.as_ref().is_ok_and(|shaped| wanted.take(row, &shaped.meta, shaped.content))
            {
                continue;
            }
            self.read += 1;
            match shaped {
                Ok(shaped) => {
                    self.writer.call(&shaped.meta, &self.call)?;
                    self.not_distinguished += u64::from(!shaped.is_distinguished);
                    if let Some(comparison) = &mut self.comparison {
                        let key = match self.fills || self.by_key {
                            true => subject(&shaped.meta, &self.call),
                            false => shaped.meta.key,
                        };
                        comparison.feed(key, shaped.content);
                        if self.numbers
                            && shaped.meta.flags.has(CallFlags::CONTENT_ID)
                            && let Some(id) = message_id(&self.call)
                        {
                            comparison.feed_first_id(id_bits(id), shaped.content);
                        }
                        if let Some(id) = shaped.given_id {
                            comparison.feed_id(id, shaped.content);
                        }
                    }
                }
                Err(rejection) if self.rejected_before.repeats(&rejection) => {}
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

    /// The cursor's largest value, and how many of its values count for nothing.
    pub(super) fn largest(&mut self) -> outflow_core::Result<(Option<CursorValue>, Option<FindingCount>)> {
        let Some(cursor) = self.cursor.take() else { return Ok((None, None)) };
        let (code, column) = (Code::CursorValueIgnored, Some(cursor.name.clone()));
        let (largest, rows) = cursor.largest()?;
        Ok((largest, (rows > 0).then(|| FindingCount { code, column, rows, samples: Vec::new() })))
    }

    /// Whether it matters what the next run reads.
    pub(super) fn needs_overlap(&self) -> bool {
        self.fills || (self.retained == Some(RetainedHashes::Overlap) && self.not_distinguished > 0)
    }

    /// If all calls are distinguished, the next run may leave out each of them.
    pub(super) fn keep_all_if_distinguished(&mut self) {
        if self.retained == Some(RetainedHashes::Overlap) && self.not_distinguished == 0 {
            self.retained = Some(RetainedHashes::All);
            self.rejected_before.keep_all();
            if let Some(comparison) = &mut self.comparison {
                comparison.retain(RetainedHashes::All);
            }
        }
    }

    /// Marks the calls that the next run reads.
    pub(super) fn mark_overlap(
        &mut self,
        page: &RowPage,
        encoder: &mut RowEncoder,
    ) -> outflow_core::Result<()> {
        let Some(comparison) = &mut self.comparison else { return Ok(()) };
        for row in page.iter() {
            self.call.clear();
            match encoder.shape(row, 0, &mut self.call) {
                Ok(shaped) => comparison.mark_overlap(shaped.content),
                Err(rejection) => self.rejected_before.mark_overlap(&rejection),
            }
        }
        Ok(())
    }

    /// Hands over what is buffered.
    pub(super) async fn flush(&mut self) -> outflow_core::Result<()> {
        self.writer.flush().await?;
        match &mut self.comparison {
            Some(comparison) => comparison.flush().await,
            None => Ok(()),
        }
    }

    /// Deletes what was written.
    pub(super) async fn abandon(self) {
        self.writer.abandon().await;
        if let Some(comparison) = self.comparison {
            comparison.abandon().await;
        }
    }

    fn count(&mut self, rejection: &Rejection) {
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
            && let Some(sample) = sample(rejection, SAMPLE_BYTES)
        {
            finding.samples.push(sample);
        }
    }

    /// Rejections and warnings; a warning about the result as a whole counts every row.
    pub(super) fn findings(&self) -> Vec<FindingCount> {
        if self.wanted.is_some() {
            // The encoder has counted rows, too, that are not part of this run.
            return Vec::new();
        }
        let per_row = self.encoder.findings();
        let mut all: Vec<FindingCount> = Vec::new();
        for finding in self.rejections.iter().chain(&per_row) {
            let mut finding = finding.clone();
            if finding.rows == 0 {
                if per_row.iter().any(|f| f.code == finding.code && finding.column.is_none()) {
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
pub(super) async fn read_overlap(
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
pub(super) async fn pages(
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
