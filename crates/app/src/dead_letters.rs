//! The calls of a run that a destination refused for good, with its answer.

use outflow_core::ports::spool::{CallBlock, SegmentInfo, SegmentKind, SpoolReader};
use outflow_core::ports::state::DeadLetter;
use outflow_core::{BoxFuture, Code, Result, RunId, RunRecord};
use outflow_engine::operations::causes::Cause;
use outflow_engine::{DeadLetterPages, Errors, FORMAT_VERSION, RunReader};
use serde::{Deserialize, Serialize};
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
    /// Only those with this code.
    pub code: Option<Code>,
    /// Those before this place are left out, and the causes of all are not counted again.
    pub from: Option<LetterPlace>,
    /// The causes are those of no more dead letters of each destination, the first ones; 0: of all.
    pub causes_of: u64,
}

/// Where a dead letter is among those of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterPlace {
    /// The number of its destination among those of the run, from 0 on.
    pub destination: u64,
    /// The position of its call.
    pub position: u64,
}

/// A page looks at no more dead letters than this for those of a code.
const LOOKED_AT: u64 = 5_000;

/// How many calls a run's destinations refused, and why. It serialises to the document without its
/// last part, `entries`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeadLetterSummary {
    format_version: u32,
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// How many there are.
    pub dead_letters: u64,
    /// The causes; those of all destinations that are meant. A page behind the first one leaves
    /// them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causes: Option<Vec<Cause>>,
    /// Of how many dead letters the causes are, if not of all: the first ones of each destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes_of: Option<u64>,
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
    code: Option<Code>,
    /// The destinations that are still to come with their numbers, the next one last.
    destinations: Vec<(u64, String)>,
    /// Where the first of them begins.
    position: u64,
    /// As many are read at a time.
    read: u64,
    current: Option<Letters>,
}

/// The dead letters of one destination.
struct Letters {
    number: u64,
    destination: String,
    pages: DeadLetterPages,
    page: std::vec::IntoIter<DeadLetter>,
    left: u64,
    calls: Option<Calls>,
}

/// A dead letter with its call.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
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
            let DeadLettersRequest { run, destination, limit, code, from, causes_of: most } = request.clone();
            let reader = self.reader().await?;
            let record = look::run(&reader, &run).await?;
            let (mut destinations, mut causes, mut total) = (Vec::new(), Vec::new(), 0);
            let begins = from.map_or(0, |from| from.destination);
            for (number, delivery) in (0..).zip(reader.state.deliveries(record.id).await?) {
                if destination.as_ref().is_none_or(|d| *d == delivery.destination) {
                    total += delivery.counts.dead_letters;
                    if from.is_none() {
                        causes.extend(reader.causes(record.id, &delivery.destination, most).await?);
                    }
                    if number >= begins {
                        destinations.push((number, delivery.destination));
                    }
                }
            }
            let is_there = destinations.first().is_some_and(|(number, _)| *number == begins);
            let position = from.filter(|_| is_there).map_or(0, |from| from.position);
            let counted: u64 = causes.iter().map(|cause: &Cause| cause.dead_letters).sum();
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
                causes_of: Some(counted).filter(|counted| from.is_none() && *counted < total),
                causes: from.is_none().then_some(causes),
            };
            let limit = if limit == 0 { u64::MAX } else { limit };
            Ok(DeadLetterList {
                summary,
                reader,
                segments,
                unchanged,
                limit,
                code,
                destinations,
                position,
                read: u64::MAX,
                current: None,
            })
        })
    }
}

impl DeadLetterList {
    /// A page of at most this many, and where the next page begins; `None`: there are no more. Of a
    /// code that few have, a page can have fewer than there are to come.
    ///
    /// # Errors
    /// What the state and the spool say.
    pub async fn page(&mut self, most: u64) -> Result<(Vec<DeadLetterDocument>, Option<LetterPlace>)> {
        let mut page = Vec::new();
        if self.code.is_none() {
            // One more says whether there are more.
            self.read = most.saturating_add(1);
        }
        for _ in 0..LOOKED_AT {
            let Some((place, letter)) = self.letter().await? else { return Ok((page, None)) };
            if self.code.is_some_and(|code| letter.code != code) {
                continue;
            }
            if page.len() as u64 == most {
                return Ok((page, Some(place)));
            }
            page.push(self.with_call(letter).await?);
        }
        let next = self.letter().await?.map(|(place, _)| place);
        Ok((page, next))
    }

    /// The next dead letter. `None`: there are no more.
    ///
    /// # Errors
    /// What the state and the spool say.
    pub async fn next(&mut self) -> Result<Option<DeadLetterDocument>> {
        loop {
            let Some((_, letter)) = self.letter().await? else { return Ok(None) };
            if self.code.is_none_or(|code| letter.code == code) {
                return self.with_call(letter).await.map(Some);
            }
        }
    }

    /// The next dead letter without its call, and where it is.
    async fn letter(&mut self) -> Result<Option<(LetterPlace, DeadLetter)>> {
        loop {
            if self.current.is_none() {
                let Some((number, destination)) = self.destinations.pop() else { return Ok(None) };
                let pages = DeadLetterPages::new(self.reader.state.clone(), self.summary.run, &destination);
                let pages = pages.from(std::mem::take(&mut self.position));
                let page = Vec::new().into_iter();
                self.current =
                    Some(Letters { number, destination, pages, page, left: self.limit, calls: None });
            }
            let Some(current) = &mut self.current else { return Ok(None) };
            if let Some(letter) = current.next(self.read).await? {
                let place = LetterPlace { destination: current.number, position: letter.position };
                return Ok(Some((place, letter)));
            }
            self.current = None;
        }
    }

    /// A dead letter of the destination that is read now, with its call.
    async fn with_call(&mut self, letter: DeadLetter) -> Result<DeadLetterDocument> {
        let Some(current) = &mut self.current else {
            return Ok(DeadLetterDocument { destination: String::new(), letter, call: Value::Null });
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
        Ok(DeadLetterDocument { destination: current.destination.clone(), letter, call })
    }
}

impl Letters {
    async fn next(&mut self, most: u64) -> Result<Option<DeadLetter>> {
        if let Some(letter) = self.page.next() {
            return Ok(Some(letter));
        }
        let page = self.pages.next(self.left.min(most)).await?;
        self.left -= page.len() as u64;
        self.page = page.into_iter();
        Ok(self.page.next())
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
