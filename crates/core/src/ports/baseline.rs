//! Comparing the calls of a run with those that an earlier run made.
//!
//! A run feeds each of its calls by key and content hash, in position order. The comparison says
//! which of them the earlier run also made, and keeps hashes of its own run so that a later one
//! can be compared with it.
//!
//! What always holds:
//! - Runs are compared as multisets. If the earlier run kept a hash N times, the first N calls of
//!   this run with that hash are the same, and the others are added.
//! - Missing or damaged hashes mean that every call is added: calls are sent again, none is lost.
//!   [`Compared::earlier_missing`] says so.
//! - Hashes that [`Comparison::finish`] returned for are durable. The state names the runs whose
//!   hashes matter; hashes of any other run are orphans.
//!
//! - Calls of equal content are numbered in position order, from 0.
//!
//! What it does not do: decide which run to compare with, or what becomes of a call that is the
//! same. A content that differs from that of an earlier call with the same key is added, not
//! changed: no keys are kept yet (`docs/decisions/0013-baseline-port.md`). With
//! [`ComparisonSpec::by_key`] only the order within a key counts.

use async_trait::async_trait;

use crate::{Positions, Result, RunId};

/// What is compared, and what is kept for a later comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComparisonSpec {
    /// The run that feeds its calls.
    pub run: RunId,
    /// The run that it is compared with. `None`: every call is added.
    pub previous: Option<RunId>,
    /// The hashes that a later run is compared with.
    pub retained: RetainedHashes,
    /// Calls say how something is, and a later one replaces an earlier one of its key: the last
    /// call of a key is the same only if it was the last one in the earlier run, too, and no other
    /// call of the key is added.
    pub by_key: bool,
    /// The run fills a gap: it is compared with what one destination has got and will get. Then
    /// `previous` is the run that the sync's next run is compared with.
    pub fill: Option<FillSpec>,
    /// Whether equal calls of the run are numbered ([`Compared::repeats`]).
    pub numbers: bool,
}

impl ComparisonSpec {
    /// A comparison of this run with an earlier one.
    pub const fn new(run: RunId, previous: Option<RunId>, retained: RetainedHashes) -> Self {
        Self { run, previous, retained, by_key: false, fill: None, numbers: false }
    }
}

/// In place of a content ([`Comparison::mark_given`]): what the destination has got of this key is
/// newer than all that the run could send. With [`FillSpec::by_key`] no call of the key is sent.
pub const OVERTAKEN: u128 = u128::MAX;

/// How a run that fills a gap is compared.
///
/// Of each content that the run fed, these are left out ([`Compared::same`]), as often as they
/// occur: what the next run sends (marked by [`Comparison::mark_overlap`], less what `previous`
/// has), and what the destination has got (marked by [`Comparison::mark_given`], and the hashes of
/// `before`). Where calls are numbered, the numbers count: those of `before` are the lowest, those
/// that the next run sends follow those of `previous`, and [`Comparison::mark_given_id`] says the
/// others. With `by_key` only the last content of each key counts: all calls of a key are left
/// out if the last of them that the next run does not send is what the destination got last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillSpec {
    /// A run whose calls the destination had got before the gap. `None`: not known.
    pub before: Option<RunId>,
    /// Calls say how something is, and a later one replaces an earlier one of its key.
    pub by_key: bool,
}

/// Which content hashes of a run are kept for a later comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetainedHashes {
    /// Those of all calls.
    All,
    /// Those that [`Comparison::mark_overlap`] names: calls that the next run can read again.
    Overlap,
    /// The calls that the earlier run also made.
    Shared,
}

/// Hashes of calls, by run.
///
/// Methods may be called from any task. A run is compared by one caller at a time; comparisons of
/// different runs do not affect each other. Every method can be retried.
#[async_trait]
pub trait Baseline: Send + Sync {
    /// Begins a comparison. Hashes that an earlier attempt of the same run left are deleted first.
    ///
    /// A dropped future leaves those hashes, or nothing. A retry begins from nothing.
    async fn begin(&self, spec: ComparisonSpec) -> Result<Box<dyn Comparison>>;

    /// Deletes the hashes of a run. A run without hashes is no error.
    ///
    /// The deletion continues when the future is dropped. A retry deletes what is left.
    async fn remove(&self, run: RunId) -> Result<()>;

    /// Hashes of the rows that a run rejected, sorted. What was not kept, or is damaged, is left
    /// out: such rows count as new. Callers keep few enough to hold them in memory.
    async fn rejections(&self, run: RunId) -> Result<Vec<u128>>;

    /// Keeps hashes of the rows that a run rejected, durably. Follows [`Comparison::finish`] of the
    /// same run.
    ///
    /// A dropped future leaves them, or nothing. A retry replaces them.
    async fn keep_rejections(&self, run: RunId, hashes: Vec<u128>) -> Result<()>;

    /// The runs of which anything is kept.
    async fn runs(&self) -> Result<Vec<RunId>>;
}

/// One run being compared. After an error, every further step is an error.
///
/// A comparison that is dropped before it is finished is abandoned; the drop waits until its files
/// are deleted.
#[async_trait]
pub trait Comparison: Send {
    /// Adds the next call. `key` says what the call is about
    /// ([`CallMeta::key`](crate::CallMeta::key)).
    ///
    /// Only buffers: [`Comparison::flush`] has to follow every few thousand calls, or memory grows.
    fn feed(&mut self, key: u64, content: u128);

    /// With [`RetainedHashes::Overlap`]: the next run can read a call of this content again. Only
    /// buffers.
    fn mark_overlap(&mut self, content: u128);

    /// With [`ComparisonSpec::fill`]: the destination has got a call of this key and content, after
    /// those that were marked before. Only buffers.
    fn mark_given(&mut self, key: u64, content: u128);

    /// With [`ComparisonSpec::fill`] and [`ComparisonSpec::numbers`]: the call that was fed last
    /// has this id if no equal one precedes it ([`id_bits`](crate::call::id_bits)). Only buffers.
    fn feed_first_id(&mut self, id: u128, content: u128);

    /// As [`Comparison::mark_given`], where the call's id says which of its content it is. Only
    /// buffers.
    fn mark_given_id(&mut self, id: u128, content: u128);

    /// The call that was fed last has an id that the query or declared columns gave it, of this
    /// hash. Only buffers.
    fn feed_id(&mut self, id: u64, content: u128);

    /// Another choice of what is kept: it turned out while calls were fed. Only buffers.
    fn retain(&mut self, retained: RetainedHashes);

    /// Hands over what is buffered, once a good deal is. Waits while the comparison is behind.
    ///
    /// A dropped future loses nothing: what was not handed over stays buffered.
    async fn flush(&mut self) -> Result<()>;

    /// Compares, and makes the retained hashes durable.
    ///
    /// A dropped future leaves nothing, or whole hashes that the state does not name: an orphan.
    /// There is no retry but a new comparison.
    async fn finish(self: Box<Self>) -> Result<Compared>;

    /// Deletes what was written. Never fails: what stays is an orphan.
    async fn abandon(self: Box<Self>);
}

/// How a run differs from the earlier one.
#[derive(Debug, Default)]
pub struct Compared {
    /// The positions of the calls that the earlier run also made. All others are added.
    pub same: Positions,
    /// Hashes of the earlier run that were not fed. Without a whole earlier run there are none.
    pub not_fed: u64,
    /// There was to be an earlier run, but its hashes are missing or damaged.
    pub earlier_missing: bool,
    /// The same of [`FillSpec::before`].
    pub before_missing: bool,
    /// Calls whose id (of [`Comparison::feed_id`]) another call of this run or of the earlier one
    /// has with another content; but for one call of each id that no earlier run has.
    pub repeated_ids: u64,
    /// With [`ComparisonSpec::numbers`]: the calls that equal ones of the run precede. Those that
    /// are the same have the lowest numbers of their content.
    pub repeats: Repeats,
}

/// The next position, with the number of equal calls before it; `None` at the end.
type NextRepeat = dyn FnMut() -> Result<Option<(u64, u64)>> + Send + Sync;

/// Positions of calls that equal calls of the run precede, in order, each with how many these are.
/// They need not fit into memory.
#[derive(Default)]
pub struct Repeats(Option<Box<NextRepeat>>);

impl Repeats {
    /// Those that the function gives, at least one.
    pub fn new(next: impl FnMut() -> Result<Option<(u64, u64)>> + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(next)))
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// P003: one cannot be read back.
impl Iterator for Repeats {
    type Item = Result<(u64, u64)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.as_mut().and_then(|next| next().transpose())
    }
}

impl std::fmt::Debug for Repeats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_empty() { "Repeats(none)" } else { "Repeats(some)" })
    }
}
