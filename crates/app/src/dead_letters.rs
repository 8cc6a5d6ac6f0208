//! The calls of a run that a destination refused for good, with its answer.

use outflow_core::ports::spool::{CallBlock, SegmentInfo, SegmentKind, SpoolReader};
use outflow_core::ports::state::DeadLetter;
use outflow_core::{BoxFuture, Result, RunId, RunRecord};
use outflow_engine::operations::causes::Cause;
use outflow_engine::{DeadLetterPages, Errors, FORMAT_VERSION, RunReader};
use serde::Serialize;
use serde_json::Value;

use crate::App;
use crate::look::{self, RunName};

/// Which dead letters.
#[derive(Clone, Debug, Default)]
pub struct DeadLettersRequest {
    /// The run.
    pub run: RunName,
    /// Of this destination alone.
    pub destination: Option<String>,
    /// How many for each destination; 0 for all.
    pub limit: u64,
}

/// How many calls a run's destinations refused, and why. It serialises to the document without its
/// last part, `entries`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeadLetterSummary {
    format_version: u32,
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// How many there are.
    pub dead_letters: u64,
    /// The causes.
    pub causes: Vec<Cause>,
}

/// Dead letters, one by one: any number of them is read in bounded memory.
pub struct DeadLetterList {
    /// What they have in common.
    pub summary: DeadLetterSummary,
    reader: RunReader,
    segments: Vec<SegmentInfo>,
    /// How many of the run's calls are marked as unchanged.
    unchanged: u64,
    limit: u64,
    /// The destinations that are still to come, the next one last.
    destinations: Vec<String>,
    current: Option<Letters>,
}

/// The dead letters of one destination.
struct Letters {
    destination: String,
    pages: DeadLetterPages,
    page: std::vec::IntoIter<DeadLetter>,
    left: u64,
    calls: Option<Calls>,
}

/// A dead letter with its call.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeadLetterDocument {
    /// The destination.
    pub destination: String,
    /// The dead letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The call; null once its segment is no longer kept.
    pub call: Value,
}

impl App {
    /// The dead letters of a run.
    pub fn dead_letters<'a>(
        &'a self,
        request: &'a DeadLettersRequest,
    ) -> BoxFuture<'a, Result<DeadLetterList, Errors>> {
        Box::pin(async move {
            let DeadLettersRequest { run, destination, limit } = request.clone();
            let reader = self.reader().await?;
            let record = look::run(&reader, &run).await?;
            let (mut destinations, mut causes, mut total) = (Vec::new(), Vec::new(), 0);
            for delivery in reader.state.deliveries(record.id).await? {
                if destination.as_ref().is_none_or(|d| *d == delivery.destination) {
                    total += delivery.counts.dead_letters;
                    causes.extend(reader.causes(record.id, &delivery.destination).await?);
                    destinations.push(delivery.destination);
                }
            }
            destinations.reverse();
            let mut segments = reader.state.segments(record.id).await?;
            segments.retain(|s| s.kind == SegmentKind::Calls);
            let unchanged = record.marked(&segments);
            let RunRecord { id, sync, .. } = record;
            let summary = DeadLetterSummary {
                format_version: FORMAT_VERSION,
                run: id,
                sync,
                dead_letters: total,
                causes,
            };
            let limit = if limit == 0 { u64::MAX } else { limit };
            Ok(DeadLetterList { summary, reader, segments, unchanged, limit, destinations, current: None })
        })
    }
}

impl DeadLetterList {
    /// The dead letters from this one on, counted from 0, at most `most`. What comes before is
    /// read, too.
    ///
    /// # Errors
    /// What the state and the spool say.
    pub async fn part(&mut self, first: u64, most: u64) -> Result<Vec<DeadLetterDocument>> {
        let (mut at, mut part) = (0_u64, Vec::new());
        while (part.len() as u64) < most
            && let Some(letter) = self.next().await?
        {
            if at >= first {
                part.push(letter);
            }
            at = at.saturating_add(1);
        }
        Ok(part)
    }

    /// The next dead letter. `None`: there are no more.
    ///
    /// # Errors
    /// What the state and the spool say.
    pub async fn next(&mut self) -> Result<Option<DeadLetterDocument>> {
        loop {
            if self.current.is_none() {
                let Some(destination) = self.destinations.pop() else { return Ok(None) };
                self.current = Some(Letters {
                    pages: DeadLetterPages::new(self.reader.state.clone(), self.summary.run, &destination),
                    destination,
                    page: Vec::new().into_iter(),
                    left: self.limit,
                    calls: None,
                });
            }
            if let Some(found) = self.of_current().await? {
                return Ok(Some(found));
            }
            self.current = None;
        }
    }

    async fn of_current(&mut self) -> Result<Option<DeadLetterDocument>> {
        let Some(current) = &mut self.current else { return Ok(None) };
        let letter = match current.page.next() {
            Some(letter) => letter,
            None => {
                let page = current.pages.next(current.left).await?;
                current.left -= page.len() as u64;
                current.page = page.into_iter();
                match current.page.next() {
                    Some(letter) => letter,
                    None => return Ok(None),
                }
            }
        };
        if current.calls.is_none() && !self.segments.is_empty() {
            let (run, from) = (self.summary.run, letter.position);
            current.calls = Some(Calls {
                reader: self.reader.spool.read(run, &self.segments, self.unchanged, from).await?,
                block: CallBlock::default(),
            });
        }
        let call = match &mut current.calls {
            Some(calls) => calls.at(letter.position).await?,
            None => Value::Null,
        };
        Ok(Some(DeadLetterDocument { destination: current.destination.clone(), letter, call }))
    }
}

/// The calls of dead letters, which come in position order.
struct Calls {
    reader: Box<dyn SpoolReader>,
    block: CallBlock,
}

impl Calls {
    async fn at(&mut self, position: u64) -> Result<Value> {
        while position >= self.block.first + self.block.calls.len() as u64 {
            if !self.reader.next(&mut self.block).await? {
                return Ok(Value::Null);
            }
        }
        let call = position.checked_sub(self.block.first).and_then(|i| self.block.calls.get(i as usize));
        Ok(call.and_then(|c| serde_json::from_slice(self.block.json(c)).ok()).unwrap_or_default())
    }
}
