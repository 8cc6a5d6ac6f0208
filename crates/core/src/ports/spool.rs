//! Keeping a run's calls and rejections between its two halves. Methods block: call them off the async threads.
//!
//! Position: calls (unchanged ones included) are numbered 0, 1, 2, … in the order in which they were written. Cursors count positions, message ids
//! count row ordinals.

use serde::{Deserialize, Serialize};

use crate::{CallMeta, CallType, Code, Column, Result, RunId};

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
    /// Which content hashes are kept, so that a later run can be compared with this one.
    pub keep: Keep,
}

/// Which of a run's contents are kept for the comparison with a later run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// None.
    Nothing,
    /// Those of all calls.
    All,
    /// Those that [`SpoolWriter::again`] names.
    Named,
    /// Those that the previous run's file has, too. No call is marked as unchanged.
    Shared,
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

/// A segment that is on disk for good. The state names it; a file that the state does not name is an orphan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentInfo {
    /// Calls or rejections.
    pub kind: SegmentKind,
    /// Its number among the run's segments of that kind, from 0; the file's name follows from it.
    pub number: u32,
    /// The position of its first entry.
    pub first: u64,
    /// How many entries it has.
    pub entries: u64,
    /// Its size on disk.
    pub bytes: u64,
}

/// A row that could not become a call. Once it is purged, the reason says so and the row is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub row: serde_json::Map<String, serde_json::Value>,
}

impl Rejection {
    /// What stays of it when the person that it is about is purged.
    pub fn blanked(&self) -> Self {
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
    /// Calls written, unchanged ones included.
    pub entries: u64,
    /// How many of them the previous run made already. They are marked, unless [`Keep::Shared`] says otherwise.
    pub unchanged: u64,
    /// Rejections written.
    pub rejected: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Entries whose content is to go, by position, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blanked {
    /// Calls.
    pub calls: Vec<u64>,
    /// Rejections.
    pub rejections: Vec<u64>,
}

impl Blanked {
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

/// The spool of an installation.
pub trait Spool: Send + Sync {
    /// Begins a run's extraction. What an earlier attempt of the same run left is deleted first.
    fn create(&self, header: SpoolHeader) -> Result<Box<dyn SpoolWriter>>;

    /// Reads a run's calls from a position on. P005: a segment is missing; P004: one is damaged (also later, from the reader).
    fn read(&self, run: RunId, segments: &[SegmentInfo], from: u64) -> Result<Box<dyn SpoolReader>>;

    /// A run's rejections, in row order.
    fn rejections(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
    ) -> Result<Box<dyn Iterator<Item = Result<Rejection>> + Send>>;

    /// Writes the segments that hold one of these entries anew, without the content of these entries: they keep their places and ordinals, and everything else
    /// is byte for byte as before. Returns each segment that is replaced with the one in its place, which is on disk for good under a number of its own. The
    /// replaced files stay until [`Spool::tidy`], when the state names the new ones.
    fn blank(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        entries: &Blanked,
    ) -> Result<Vec<(SegmentInfo, SegmentInfo)>>;

    /// Deletes the run's segment files that are not among these, which are all that the state names.
    fn tidy(&self, run: RunId, segments: &[SegmentInfo]) -> Result<()>;

    /// Deletes all that is kept of a run's calls and rejections, and the hashes that the next run would be compared with unless `keep_contents`.
    fn remove(&self, run: RunId, keep_contents: bool) -> Result<()>;

    /// The runs of which anything is on disk.
    fn runs(&self) -> Result<Vec<RunId>>;

    /// How much room its disk has.
    fn room(&self) -> Result<Room>;
}

/// Writes one extraction.
pub trait SpoolWriter: Send {
    /// Adds a call. `content` is its content hash; readers do not give it back.
    fn call(&mut self, meta: &CallMeta, content: u128, json: &[u8]) -> Result<()>;

    /// Adds a rejection.
    fn reject(&mut self, rejection: &Rejection) -> Result<()>;

    /// With [`Keep::Named`]: the next run can read a call of this content again.
    fn again(&mut self, content: u128) -> Result<()>;

    /// Bytes on their way to disk or there.
    fn bytes(&self) -> u64;

    /// Makes everything durable, and marks as unchanged what `previous` made already. Without `previous`, nothing is unchanged.
    fn finish(self: Box<Self>, previous: Option<RunId>) -> Result<Spooled>;

    /// Deletes what was written. Never fails: what stays is an orphan and is swept later.
    fn abandon(self: Box<Self>);
}

/// Reads calls in position order.
pub trait SpoolReader: Send {
    /// Replaces the block's calls with the next ones. `false`: there are no more.
    fn next(&mut self, block: &mut CallBlock) -> Result<bool>;
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
    /// The previous run made it already: it is not delivered.
    pub unchanged: bool,
}

impl CallBlock {
    /// The JSON of a call of this block.
    pub fn json(&self, call: &BlockCall) -> &[u8] {
        &self.data[call.start as usize..call.end as usize]
    }
}
