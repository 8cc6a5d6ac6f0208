//! Remembering: runs, cursors, deliveries, dead letters, alerts.
//!
//! A [`StateStore`] is one installation's state. [`StateStore::claim`] gives a [`State`], which may
//! write; [`StateStore::reader`] gives a [`StateReader`], which may not. The traits are split by
//! capability.
//!
//! What holds for every method:
//! - *Atomic.* Every write is one durable transaction: when the method returns `Ok`, it survives a
//!   crash.
//! - *Claimed.* Every write proves in its own transaction that its claim is still valid; with a
//!   stale claim it changes nothing and fails with [`Code::StateHeld`](crate::Code::StateHeld).
//! - *Concurrent.* All methods may be called from many tasks at once. Writes are serialised by the
//!   store; reads see a committed state and do not wait for writes.
//! - *Cancellation.* A dropped future may or may not have written; nothing is ever half written.
//!   The caller reads again, or repeats the write.
//! - *Repetition.* An error of kind `Transient` or [`Code::StateIo`](crate::Code::StateIo) leaves
//!   open whether the write counts. Each method says what a repetition does.
//! - *Rules.* What a write changes is decided by pure functions in [`crate::rules`]. Adapters load,
//!   call the rule and persist what it says, in one transaction. A step that a run's life does not
//!   have is refused.

mod audit;
mod definitions;
mod gaps;
mod lists;
mod pauses;
mod people;
mod records;
mod restores;
mod secrets;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

pub use audit::*;
pub use definitions::*;
pub use gaps::*;
pub use lists::*;
pub use pauses::*;
pub use people::*;
pub use records::*;
pub use restores::*;
pub use secrets::*;

use super::spool::SegmentInfo;
use super::watch::{AlertRecord, Audit, ClockRecord, Pending, Standing};
use crate::run::FindingCount;
use crate::{BoxFuture, Code, Date, Result, RunId, RunKey, RunRecord, RunState};

/// A claim: the right to write, which one process has at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is claimed. One claim covers a whole installation today.
    pub key: String,
    /// Proves the claim. Another process that takes the claim over gets another token.
    pub token: u128,
}

/// The state of one installation, before it is claimed.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// Claims the installation, and makes or migrates its schema. The claim ends when the last
    /// clone of the returned handle is dropped, or when the process dies. If another process has
    /// the claim, `wait_until` says how long to wait: until this future resolves; `None`: not at
    /// all.
    ///
    /// # Errors
    /// `StateHeld`: another process has the claim. `StateUnavailable`: the store cannot be opened.
    /// `StateTooNew`: a newer version wrote it. `Interrupted`: the wait was stopped.
    async fn claim(&self, wait_until: Option<BoxFuture<'static, ()>>) -> Result<Arc<dyn State>>;

    /// Opens the store for reading beside a process that writes.
    ///
    /// # Errors
    /// `StateUnavailable`: nothing has run yet, or the store cannot be opened. `StateTooNew`.
    async fn reader(&self) -> Result<Arc<dyn StateReader>>;
}

/// Looking at runs.
#[async_trait]
pub trait RunQueries: Send + Sync {
    /// Where a sync's next run begins; the default for a sync that never ran.
    async fn sync(&self, name: &str) -> Result<SyncState>;

    /// One run.
    async fn run(&self, run: RunId) -> Result<Option<RunRecord>>;

    /// Runs, newest first. A page behind any number of others costs as much as the first one
    /// ([`RunFilter::before`]), so a history of any length is read in bounded memory.
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>>;

    /// The runs of a sync that started at `since` or later, newest first.
    async fn runs_since(&self, sync: &str, since: Timestamp) -> Result<Vec<RunRecord>>;

    /// The sync's runs whose calls were, or are, delivered (`delivering`, `succeeded`,
    /// `succeeded_with_rejected`, `partial`), newest first, at most `limit`.
    async fn past_runs(&self, sync: &str, limit: u64) -> Result<Vec<PastRun>>;

    /// The sync's runs that were extracted and began at or before this time by the warehouse's
    /// clock, newest first, at most `limit`.
    async fn runs_begun_by(&self, sync: &str, clock: Timestamp, limit: u64) -> Result<Vec<RunRecord>>;

    /// The sync's oldest run that is not in a final state.
    async fn unfinished(&self, sync: &str) -> Result<Option<RunRecord>>;

    /// Every run of the sync that is not in a final state, oldest first.
    async fn unfinished_of(&self, sync: &str) -> Result<Vec<RunRecord>>;

    /// Every run that is not in a final state, oldest first.
    async fn unfinished_runs(&self) -> Result<Vec<RunRecord>>;

    /// The run's segments; empty once they are deleted.
    async fn segments(&self, run: RunId) -> Result<Vec<SegmentInfo>>;

    /// The run's rejections and warnings, counted.
    async fn findings(&self, run: RunId) -> Result<Vec<FindingCount>>;

    /// The last slot of a sync's schedule that was fired; `None`: none ever was.
    async fn fired(&self, sync: &str) -> Result<Option<Timestamp>>;

    /// The latest slot at or before `until` that the sync's schedule has fired, as far as its runs
    /// and skips are still known.
    async fn fired_by(&self, sync: &str, until: Timestamp) -> Result<Option<Timestamp>>;
}

/// Looking at deliveries.
#[async_trait]
pub trait DeliveryQueries: Send + Sync {
    /// The run's deliveries, in the order of its connections.
    async fn deliveries(&self, run: RunId) -> Result<Vec<DeliveryRecord>>;

    /// A delivery's dead letters by position, those at `from` or behind it, at most `limit`.
    async fn dead_letters(
        &self,
        run: RunId,
        destination: &str,
        from: u64,
        limit: u64,
    ) -> Result<Vec<DeadLetter>>;

    /// Pending calls of runs that are not at their end, by sync and destination.
    async fn pending(&self) -> Result<Vec<Pending>>;

    /// What was used from one day to another, both included: by day, sync, destination and type.
    async fn usage(&self, from: Date, to: Date) -> Result<Vec<Usage>>;

    /// What the runs read that began from one time to another, this excluded, by sync in the order
    /// of their names; of one sync, if it is named.
    async fn rows_read(&self, from: Timestamp, until: Timestamp, sync: Option<&str>)
    -> Result<Vec<RowsRead>>;
}

/// Looking at gaps: calls that a destination has not got.
#[async_trait]
pub trait GapQueries: Send + Sync {
    /// Every gap that is not closed, oldest first.
    async fn open_gaps(&self) -> Result<Vec<Gap>>;

    /// The gaps that this run opened or fills, oldest first, closed ones included.
    async fn gaps_of(&self, run: RunId) -> Result<Vec<Gap>>;

    /// To whom the sync sends, and has sent.
    async fn membership(&self, sync: &str) -> Result<Membership>;

    /// The run that this one was compared with when it was extracted, if it was one: that run's
    /// hashes stay until this one has ended and every gap that it opened is closed.
    async fn compared_with(&self, run: RunId) -> Result<Option<RunId>>;
}

/// Looking at the health of syncs: what alerts and metrics rest on.
#[async_trait]
pub trait WatchQueries: Send + Sync {
    /// Every alert that fires, and every one that has ended and was not deleted yet, by kind and
    /// subject.
    async fn alerts(&self) -> Result<Vec<AlertRecord>>;

    /// How every sync that ever ran is doing. Slots are counted from `since` to `until`, both
    /// included.
    async fn standings(&self, since: Timestamp, until: Timestamp) -> Result<Vec<Standing>>;

    /// The oldest run that ended by itself before `before`, still has segments and was never
    /// audited.
    async fn next_audit(&self, before: Timestamp) -> Result<Option<RunId>>;

    /// What is known of the local clock; `None`: nothing yet.
    async fn clock(&self) -> Result<Option<ClockRecord>>;

    /// What the run's audit found, if there was one.
    async fn audit(&self, run: RunId) -> Result<Option<Audit>>;
}

/// Looking for what can be deleted.
#[async_trait]
pub trait RetentionQueries: Send + Sync {
    /// Runs in a final state that ended before `before` and still have segments.
    async fn runs_with_old_segments(&self, before: Timestamp) -> Result<Vec<RunId>>;

    /// Runs in a final state that ended before `before` and have no segments, oldest first, after
    /// run `after`, at most `limit`.
    async fn ended_runs(&self, before: Timestamp, after: RunId, limit: u64) -> Result<Vec<RunRecord>>;

    /// The runs whose hashes are needed: those that the next run of some sync will be compared
    /// with, and those that an unfinished run, or a run whose calls are missing, was compared with.
    async fn compared_runs(&self) -> Result<Vec<RunId>>;
}

/// Whether the store still holds what was written to it.
#[async_trait]
pub trait IntegrityQueries: Send + Sync {
    /// What sets this installation's message ids, and its files, apart from those of all others.
    async fn installation_id(&self) -> Result<u128>;

    /// Checks the whole store: its structure, references between tables, and the checksum of every
    /// row. Returns what is wrong, in sentences without values of rows; empty: nothing is.
    ///
    /// # Errors
    /// The store cannot be read at all.
    async fn check_integrity(&self) -> Result<Vec<String>>;
}

/// Everything that can be read.
pub trait StateReader:
    RunQueries
    + ListQueries
    + DeliveryQueries
    + GapQueries
    + WatchQueries
    + RetentionQueries
    + IntegrityQueries
    + OriginQueries
    + PauseQueries
    + AuditQueries
    + DefinitionQueries
    + SecretQueries
    + PeopleQueries
{
}

impl<T> StateReader for T where
    T: RunQueries
        + ListQueries
        + DeliveryQueries
        + GapQueries
        + WatchQueries
        + RetentionQueries
        + IntegrityQueries
        + OriginQueries
        + PauseQueries
        + AuditQueries
        + DefinitionQueries
        + SecretQueries
        + PeopleQueries
{
}

/// The steps of a run's life.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Creates a run in state `queued`, with its own number and key. If its schedule
    /// triggered it, the slot `due_at` counts as fired. Repeated: another run.
    async fn create_run(&self, new: &NewRun) -> Result<RunRecord>;

    /// Records a run that was due and did not take place: state `skipped`, ended. If its schedule
    /// triggered it, the slot `due_at` counts as fired. Repeated: another record.
    async fn skip_run(&self, new: &NewRun, by: Option<RunId>, reason: &(Code, String)) -> Result<RunRecord>;

    /// The run's extraction begins, or begins again: state `extracting`, with the warehouse's
    /// clock, the value of `{{last_sync_time}}` and a new key, which is returned. In a state that
    /// was restored from a backup the run may have been sent already, with other rows: so no two
    /// extractions share message ids. Repeated: the later values count.
    async fn begin_extraction(&self, run: RunId, clock: Timestamp, last_sync_time: &str) -> Result<RunKey>;

    /// The one transaction between the two halves of a run. Checks the budgets; then the run
    /// becomes `delivering` (`succeeded` without calls) with its segments and findings, a delivery
    /// for each connection ([`crate::rules::new_deliveries`]), the watermark update, and the dead
    /// letters of `replayed` marked; the gaps that it fills are closed, one opens for each
    /// destination that it leaves out ([`crate::rules::missing_where_left_out`]), and those of
    /// destinations that are new to the sync or away from it open or grow
    /// ([`crate::rules::change_members`]). With an objection it becomes `awaiting_approval`
    /// instead, moves nothing, and its gaps stay open as ones that it fills.
    /// Returns the run's new state. Repeated: refused, as the run is no longer
    /// `extracting`.
    async fn commit_extraction(&self, run: RunId, extraction: &Extraction) -> Result<RunState>;

    /// A run that awaits approval becomes `delivering` (`succeeded` without calls), its watermark
    /// update takes place, and gaps close, open and grow as by a commit. Repeated: refused.
    async fn approve(&self, run: RunId, at: Timestamp) -> Result<RunState>;

    /// A run that awaits approval becomes `rejected`: its pending calls are discarded and its
    /// segments deleted. The sync's state stays, or with `skip_window` moves as the extraction
    /// said but without a baseline, as these calls were never made. Gaps that it was to fill are
    /// there to be filled again, or with `skip_window` closed. Repeated: refused.
    async fn reject(&self, run: RunId, at: Timestamp, skip_window: bool) -> Result<()>;

    /// Ends a run that is `delivering` if all its deliveries have ended: `succeeded`, or `partial`
    /// with dead letters. `None`: some have not ended, or the run is not `delivering`. Repeated:
    /// `None`.
    async fn conclude(&self, run: RunId, at: Timestamp) -> Result<Option<RunState>>;

    /// The run reaches a final state, but not `lost`. `begun` replaces the sync's state in the same
    /// transaction. Gaps that it was to fill are there to be filled again; if its query cannot run
    /// any more, they say so ([`crate::rules::is_unfillable`]). Repeated: refused.
    async fn end_run(
        &self,
        run: RunId,
        state: RunState,
        at: Timestamp,
        reason: Option<(Code, String)>,
        begun: Option<&SyncState>,
    ) -> Result<()>;

    /// The run becomes `lost`, and in the same transaction a gap opens for each destination that
    /// lacks calls of it ([`crate::rules::missing_after_loss`]). Dead letters that it was to send
    /// again count as not replayed. The sync's state stays as it is. Returns the gaps. Repeated:
    /// refused.
    async fn lose_run(&self, run: RunId, at: Timestamp, reason: &(Code, String)) -> Result<Vec<Gap>>;
}

/// Progress at destinations.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Adds the progress of one or several deliveries, in one transaction
    /// ([`crate::rules::settle`]). All or none count. For calls that are given up a gap opens
    /// ([`crate::rules::missing_where_given_up`]). Repeated: a settlement whose sequence the
    /// record contains changes nothing.
    async fn settle(&self, settlements: &[Settlement]) -> Result<()>;
}

/// Schedules.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// Slots up to this one count as fired, without a run. Repeated: the same.
    async fn set_fired(&self, sync: &str, slot: Timestamp) -> Result<()>;
}

/// Alerts, audits and the local clock.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Adds these alerts or replaces those of the same kind and subject. Repeated: the same.
    async fn put_alerts(&self, alerts: &[AlertRecord]) -> Result<()>;

    /// The receivers have this alert: one that fires counts as reported, one that ended is
    /// deleted. One that has changed meanwhile stays as it is. Repeated: nothing.
    async fn alert_reported(&self, alert: &AlertRecord) -> Result<()>;

    /// Replaces what is known of the local clock. Repeated: the same.
    async fn set_clock(&self, record: &ClockRecord) -> Result<()>;

    /// Keeps what an audit found. Repeated: the later counts.
    async fn set_audit(&self, run: RunId, audit: &Audit) -> Result<()>;
}

/// Deleting.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Forgets ended runs with all that belongs to them, except usage. Runs that they made be
    /// skipped, and replays of them, stay and name them no longer. Repeated: refused, as they are
    /// gone.
    async fn forget_runs(&self, runs: &[RunId]) -> Result<()>;

    /// Replaces what a purge replaces of a run. Repeated: the same.
    async fn purge(&self, run: RunId, purge: &Purge) -> Result<()>;

    /// Rewrites the whole store, so that it holds nothing of what was replaced or deleted, as
    /// far as the store can promise it. Repeated: the same.
    async fn scrub(&self) -> Result<()>;

    /// The run's segments are gone, and with them the samples of rejected rows. Repeated: the same.
    async fn forget_segments(&self, run: RunId) -> Result<()>;
}

/// The right to write, and everything that can be written and read with it.
pub trait State:
    StateReader
    + Runs
    + Deliveries
    + Schedules
    + Watch
    + Retention
    + Origins
    + Pauses
    + AuditLog
    + Definitions
    + Secrets
    + People
{
    /// The claim under which this handle writes.
    fn lease(&self) -> &Lease;

    /// What sets this installation's message ids apart from those of all others.
    fn installation(&self) -> u128;
}
