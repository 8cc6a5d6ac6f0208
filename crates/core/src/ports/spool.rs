//! Keeping a run's calls and rejections between its two halves.
//!
//! Position: calls are numbered 0, 1, 2, … in the order in which they were written; those that
//! [`SpoolWriter::finish`] leaves out are not counted. Cursors count positions, message ids of run
//! and row count row ordinals.
//!
//! What always holds: a segment that [`SpoolWriter::finish`] or [`Spool::redact`] returned is
//! durable and never changes. The state names the segments that matter; all others are orphans.
//!
//! What it does not do: compare runs (that is [`Baseline`](super::baseline::Baseline)), or know
//! which runs are still needed.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::ports::baseline::Repeats;
use crate::{CallMeta, CallType, Code, Column, Positions, Result, RunId};

/// What the head of each segment says.
#[derive(Clone, Debug)]
pub struct SpoolHeader {
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// `source.database`.
    pub source: String,
    /// The kind of call.
    pub call_type: CallType,
    /// The result's columns.
    pub columns: Vec<Column>,
    /// More bytes than this in the run's segments are the error P002.
    pub max_bytes: Option<u64>,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// Calls.
    Calls,
    /// Rejections.
    Rejections,
}

/// A durable segment. The state names it; a segment that the state does not name is an orphan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentInfo {
    /// Calls or rejections.
    pub kind: SegmentKind,
    /// Its number among the run's segments of that kind, from 0.
    pub number: u32,
    /// Where it is. The spool chooses this text and no one else reads it.
    pub locator: String,
    /// The position of its first entry.
    pub first: u64,
    /// How many entries it has.
    pub entries: u64,
    /// Its size as stored.
    pub bytes: u64,
}

/// A row that could not become a call. Once it is purged, the reason says so and the row is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Rejection {
    /// The row's place in the result, from 0.
    pub ordinal: u64,
    /// Why.
    pub code: Code,
    /// In which column, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Why, in a sentence, with the value in question.
    pub reason: String,
    /// The row: column names and the texts that came (null for NULL).
    #[schema(value_type = std::collections::BTreeMap<String, Option<String>>)]
    pub row: serde_json::Map<String, serde_json::Value>,
}

impl Rejection {
    /// What stays of it when the person that it is about is purged.
    pub fn redacted(&self) -> Self {
        Self { reason: PURGED.to_owned(), row: serde_json::Map::new(), ..self.clone() }
    }
}

/// The reason of a rejection or dead letter whose content was purged.
pub const PURGED: &str = "removed by a purge";

/// What a finished extraction left on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spooled {
    /// Every segment, synced, renamed and in a synced folder.
    pub segments: Vec<SegmentInfo>,
    /// Calls written, those that were left out included.
    pub entries: u64,
    /// How many of them were left out as unchanged. Nothing of them is in the segments.
    pub unchanged: u64,
    /// Rejections written.
    pub rejected: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What becomes of written calls once the run has been compared. Positions are those of writing.
#[derive(Debug, Default)]
pub struct Edits {
    /// Calls that are unchanged: they are left out.
    pub unchanged: Positions,
    /// Calls with a content id that equal calls precede: each gets the id of its number.
    pub repeats: Repeats,
}

impl Edits {
    /// Whether nothing changes.
    pub const fn is_empty(&self) -> bool {
        self.unchanged.count() == 0 && self.repeats.is_empty()
    }
}

/// Entries whose content is removed, by position, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// Calls.
    pub calls: Vec<u64>,
    /// Rejections.
    pub rejections: Vec<u64>,
}

impl Redacted {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.rejections.is_empty()
    }
}

/// The room on the spool's disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// What may still be written to the disk.
    pub free: u64,
    /// What extractions leave alone.
    pub reserve: u64,
}

/// What says with which state the spool was used last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolMark {
    /// What [`Spool::set_mark`] was given.
    pub id: u128,
    /// Whether the mark is where it was set, as far as the file system tells. `false`: it is a
    /// copy.
    pub is_original: bool,
}

/// The spool of an installation.
///
/// Methods may be called from any task. A run is written, redacted or removed by one caller at a
/// time; reading continues beside all of these but removal. Every method can be retried.
#[async_trait]
pub trait Spool: Send + Sync {
    /// Begins a run's extraction. What an earlier attempt of the same run left is deleted first.
    ///
    /// A dropped future leaves what the earlier attempt left, or nothing. A retry begins from
    /// nothing.
    async fn create(&self, header: SpoolHeader) -> Result<Box<dyn SpoolWriter>>;

    /// Reads a run's calls from a position on. `unchanged` of all its calls are marked as
    /// unchanged: only runs of older versions have such calls
    /// ([`RunRecord::marked`](crate::RunRecord::marked)).
    ///
    /// P005: a segment, or what says which calls are unchanged, is missing; P004: it is damaged, or
    /// says another number (also later, from the reader).
    async fn read(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        unchanged: u64,
        from: u64,
    ) -> Result<Box<dyn SpoolReader>>;

    /// A run's rejections, in row order, from number `from` on, counted from 0. Errors as for
    /// [`Spool::read`].
    async fn rejections(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        from: u64,
    ) -> Result<Box<dyn RejectionReader>>;

    /// Rewrites the segments that hold one of these entries, without the content of these
    /// entries. They keep their positions and ordinals; all other entries stay byte for byte as
    /// they are.
    ///
    /// Returns each replaced segment with its replacement, which is durable under a locator of its
    /// own. The replaced ones stay until [`Spool::remove_orphans`], when the state names the new
    /// ones.
    ///
    /// A dropped future, or an error, leaves orphans beside the old segments. A retry overwrites
    /// them.
    async fn redact(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        entries: &Redacted,
    ) -> Result<Vec<(SegmentInfo, SegmentInfo)>>;

    /// Deletes the run's segments that are not among these, which are all that the state names.
    ///
    /// The deletion continues when the future is dropped. A retry deletes what is left.
    async fn remove_orphans(&self, run: RunId, segments: &[SegmentInfo]) -> Result<()>;

    /// Deletes all calls and rejections of a run. A run without any is no error.
    ///
    /// The deletion continues when the future is dropped. A retry deletes what is left.
    async fn remove(&self, run: RunId) -> Result<()>;

    /// The runs of which anything is kept.
    async fn runs(&self) -> Result<Vec<RunId>>;

    /// Its mark; `None`: it has none, or none that can be read.
    async fn mark(&self) -> Result<Option<SpoolMark>>;

    /// Gives it this mark. A dropped future, or an error, leaves the new one or the one before.
    async fn set_mark(&self, id: u128) -> Result<()>;

    /// How much room its disk has. Answers at once.
    fn room(&self) -> Result<Room>;
}

/// Writes one extraction. After an error, every further step is an error.
///
/// A writer that is dropped before it is finished is abandoned; the drop waits until its segments
/// are deleted.
#[async_trait]
pub trait SpoolWriter: Send {
    /// Adds a call.
    ///
    /// Only buffers: [`SpoolWriter::flush`] has to follow every MiB or so, or memory grows.
    fn call(&mut self, meta: &CallMeta, json: &[u8]) -> Result<()>;

    /// Adds a rejection. Only buffers.
    fn reject(&mut self, rejection: &Rejection) -> Result<()>;

    /// Hands over the blocks that are full. Waits while the storage is behind.
    ///
    /// A dropped future loses nothing: what was not handed over stays buffered.
    async fn flush(&mut self) -> Result<()>;

    /// Bytes buffered, on their way to the storage, or there.
    fn bytes(&self) -> u64;

    /// Closes the last segments and begins to make them durable. No call or rejection may follow.
    async fn seal(&mut self) -> Result<()>;

    /// Makes everything durable but the calls that are left out.
    ///
    /// A dropped future leaves nothing, or whole segments that the state does not name: orphans.
    /// There is no retry but a new extraction.
    async fn finish(self: Box<Self>, edits: Edits) -> Result<Spooled>;

    /// Deletes what was written. Never fails: what stays is an orphan.
    async fn abandon(self: Box<Self>);
}

/// Reads calls in position order.
#[async_trait]
pub trait SpoolReader: Send {
    /// Replaces the block's calls with the next ones. `false`: there are no more.
    ///
    /// A dropped future loses no call: the next one gives the same block.
    async fn next(&mut self, block: &mut CallBlock) -> Result<bool>;
}

/// Reads rejections in row order.
#[async_trait]
pub trait RejectionReader: Send {
    /// The next rejections, at least one. `None`: there are no more.
    ///
    /// A dropped future loses no rejection.
    async fn next(&mut self) -> Result<Option<Vec<Rejection>>>;
}

/// Some consecutive calls.
#[derive(Debug, Default)]
pub struct CallBlock {
    /// The position of the first call.
    pub first: u64,
    /// The bytes that the calls lie in.
    pub data: Vec<u8>,
    /// The calls.
    pub calls: Vec<BlockCall>,
}

/// One call of a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockCall {
    /// What the index says of it.
    pub meta: CallMeta,
    /// Where its JSON begins in `data`.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// The previous run made it already: it is not delivered. Older versions kept such calls.
    pub unchanged: bool,
}

impl CallBlock {
    /// The JSON of a call of this block.
    pub fn json(&self, call: &BlockCall) -> &[u8] {
        &self.data[call.start as usize..call.end as usize]
    }
}
