//! Remembering: runs, cursors, dead letters. Methods block: call them off the async threads.
//!
//! A store that is open for writing is the only one of its installation (promise 4). Every write is one durable transaction and is refused (T002) once
//! another process has taken the state over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::spool::SegmentInfo;
use crate::run::{FindingCount, RunSpec, Trigger};
use crate::{
    CallType, Code, Column, Date, DeliveryCounts, DeliveryState, Result, RowCounts, RunId, RunKey, RunRecord,
    RunState,
};

/// What the state knows of a sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncState {
    /// Unix microseconds by the warehouse's clock at the start of the last run that moved `last_sync_time`; `None` before the first.
    pub clock_us: Option<i64>,
    /// Whose clock that was: `Warehouse::source_id`. `None`: not recorded.
    pub clock_of: Option<String>,
    /// Our own clock at that moment or a little earlier, in Unix microseconds. `None`: not recorded.
    pub local_clock_us: Option<i64>,
    /// Where the first run began by that clock, if it was told not to begin at 0: no lookback reaches behind it. Unix microseconds.
    pub first_us: Option<i64>,
    /// The largest value of the cursor column that the runs have seen, as the text of the column.
    pub cursor: Option<String>,
    /// Which column that is. `None`: not recorded.
    pub cursor_of: Option<String>,
    /// The run whose kept contents the next one's calls are compared with: the last that moved `last_sync_time`, or one with options after it.
    pub run: Option<RunId>,
    /// What the contents of the run that moved `last_sync_time` depended on: a hash of query, call type, cursor column and more. Another value voids the comparison.
    pub fingerprint: Option<String>,
}

/// A run to be created.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The sync's name.
    pub sync: String,
    /// The kind of its calls.
    pub call_type: CallType,
    /// What set it off.
    pub trigger: Trigger,
    /// What it keeps of its sync.
    pub pinned: RunSpec,
    /// When it was due.
    pub due_at: Timestamp,
    /// Now.
    pub started_at: Timestamp,
}

/// Everything that becomes true in the transaction that ends an extraction.
#[derive(Clone, Debug)]
pub struct Extraction {
    /// Now.
    pub at: Timestamp,
    /// Rows.
    pub rows: RowCounts,
    /// Every segment.
    pub segments: Vec<SegmentInfo>,
    /// Rejections and warnings, counted.
    pub findings: Vec<FindingCount>,
    /// The columns of the result: the next run's are compared with them.
    pub columns: Vec<Column>,
    /// What `{{last_sync_time}}` will be in the next run, for people.
    pub next_last_sync_time: Option<String>,
    /// The sync's new state. `None`: it stays as it is.
    pub watermark_update: Option<SyncState>,
    /// The dead letters of an earlier run that this one sends again.
    pub replayed: Option<Replayed>,
    /// Why a guard holds the run. Then it becomes `held`, and what `next_last_sync_time` and `moves` say waits for its release.
    pub held: Option<(Code, String)>,
}

/// Dead letters that a run sends again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The run that left them.
    pub run: RunId,
    /// At which destination.
    pub destination: String,
    /// Their positions in that run.
    pub positions: Vec<u64>,
}

/// What of one run is replaced when a person is purged from it.
#[derive(Clone, Debug, Default)]
pub struct Purge {
    /// Segments, with those in their place.
    pub segments: Vec<(SegmentInfo, SegmentInfo)>,
    /// Deliveries as they are now: calls that were pending are cancelled.
    pub deliveries: Vec<DeliveryRecord>,
    /// Dead letters that lose their message id and reason: destination and position.
    pub letters: Vec<(String, u64)>,
    /// All findings of the run, without the samples that have to go. `None`: they stay as they are.
    pub findings: Option<Vec<FindingCount>>,
}

impl Purge {
    /// Whether nothing is replaced.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
            && self.deliveries.is_empty()
            && self.letters.is_empty()
            && self.findings.is_none()
    }
}

/// A run as guards compare a new one with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// The run.
    pub record: RunRecord,
    /// The columns of its result; empty where they were not recorded.
    pub columns: Vec<Column>,
}

/// Calls that were settled by sending them, in one day of UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The day.
    pub day: Date,
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// The kind of calls.
    pub call_type: CallType,
    /// Calls that the destination took.
    pub delivered: u64,
    /// Calls that were refused for good.
    pub dead_letters: u64,
}

/// Which positions are settled: all below `low`, and those of `ranges` (half-open, sorted, apart from each other and from `low`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Every position below is settled.
    pub low: u64,
    /// Settled positions above.
    pub ranges: Vec<(u64, u64)>,
}

impl Settled {
    /// Settles `start..end`.
    pub fn insert(&mut self, start: u64, end: u64) {
        if start >= end || end <= self.low {
            return;
        }
        let (mut start, mut end) = (start.max(self.low), end);
        let from = self.ranges.partition_point(|r| r.1 < start);
        let to = self.ranges.partition_point(|r| r.0 <= end);
        if from < to {
            start = start.min(self.ranges[from].0);
            end = end.max(self.ranges[to - 1].1);
        }
        self.ranges.splice(from..to, [(start, end)]);
        if let Some(&(s, e)) = self.ranges.first()
            && s <= self.low
        {
            self.low = e;
            self.ranges.remove(0);
        }
    }

    /// Whether this position is settled.
    pub fn contains(&self, position: u64) -> bool {
        position < self.low || {
            let i = self.ranges.partition_point(|r| r.1 <= position);
            self.ranges.get(i).is_some_and(|r| r.0 <= position)
        }
    }

    /// How many positions are settled.
    pub fn count(&self) -> u64 {
        self.low + self.ranges.iter().map(|(s, e)| e - s).sum::<u64>()
    }
}

/// The delivery of one run to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The destination's name.
    pub destination: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Its numbers.
    pub counts: DeliveryCounts,
    /// Which calls are settled (unchanged ones count as settled).
    pub settled: Settled,
    /// Why it is stopped.
    pub reason: Option<(Code, String)>,
}

/// A call that a destination refused for good. The call itself stays in its segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its position in the run's segments.
    pub position: u64,
    /// Its row's ordinal.
    pub ordinal: u64,
    /// Its message id.
    pub message_id: String,
    /// Why.
    pub code: Code,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// What the destination said.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// The last run that sent it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_by: Option<RunId>,
}

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this sync alone.
    pub sync: Option<String>,
    /// No more than this, the newest; 0: all.
    pub limit: u64,
}

/// The state of an installation.
pub trait State: super::watch::Watch {
    /// What a sync's next run starts from.
    fn sync(&self, name: &str) -> Result<SyncState>;

    /// Creates a run in state `queued`, with a number and a key of its own. If its schedule set it off, the slot `due_at` counts as fired.
    fn create_run(&self, new: &NewRun) -> Result<RunRecord>;

    /// Records a run that was due and did not take place: state `skipped`, ended. If its schedule set it off, the slot `due_at` counts as fired.
    fn skip_run(&self, new: &NewRun, by: Option<RunId>, reason: &(Code, String)) -> Result<RunRecord>;

    /// The last slot of a sync's schedule that was fired; `None`: none ever was.
    fn fired(&self, sync: &str) -> Result<Option<Timestamp>>;

    /// Slots up to this one count as fired, without a run.
    fn set_fired(&self, sync: &str, slot: Timestamp) -> Result<()>;

    /// The sync's oldest run that is not in a final state.
    fn unfinished(&self, sync: &str) -> Result<Option<RunRecord>>;

    /// Every run that is not in a final state, the oldest first.
    fn unfinished_runs(&self) -> Result<Vec<RunRecord>>;

    /// The run's extraction begins, or begins again: state `extracting`, with the clock and the value of `{{last_sync_time}}`.
    fn begin_extraction(&self, run: RunId, clock: Timestamp, last_sync_time: &str) -> Result<()>;

    /// The one transaction between the halves: run `delivering`, its segments and findings, a delivery for each pinned connection with every call pending
    /// (unchanged calls belong to no delivery's `calls`; those of a skipped connection are cancelled), the sync's state moved if `moves` says so, and the dead letters of
    /// `replayed` marked. A run that is `held` becomes that instead, and moves nothing.
    fn commit_extraction(&self, run: RunId, extraction: &Extraction) -> Result<()>;

    /// A held run becomes `delivering` (or `succeeded`, if it has no calls), and what its extraction had to move moves, in one transaction.
    fn approve(&self, run: RunId, at: Timestamp) -> Result<RunState>;

    /// A held run becomes `discarded`: its pending calls are discarded and its segments forgotten. The sync's state stays, or with `skip_window` moves as the
    /// extraction said, but for the comparison: the next run is compared with none, as these calls were never made.
    fn reject(&self, run: RunId, at: Timestamp, skip_window: bool) -> Result<()>;

    /// Records progress at a destination: its record as it is now, and the dead letters since the last time, in one transaction. Calls that were delivered or
    /// became dead letters since the last time count as used on the day of `at`.
    fn settle(&self, run: RunId, delivery: &DeliveryRecord, dead: &[DeadLetter], at: Timestamp)
    -> Result<()>;

    /// Ends a run that is `delivering` if all its deliveries have ended: `succeeded`, or `partial` if there are dead letters. `None`: some have not, or it is not `delivering`.
    fn conclude(&self, run: RunId, at: Timestamp) -> Result<Option<RunState>>;

    /// The run reaches a final state. `rewind` replaces the sync's state in the same transaction: the
    /// next run starts from there (a run that is lost gives its window back).
    fn end_run(
        &self,
        run: RunId,
        state: RunState,
        at: Timestamp,
        reason: Option<(Code, String)>,
        rewind: Option<&SyncState>,
    ) -> Result<()>;

    /// One run.
    fn run(&self, run: RunId) -> Result<Option<RunRecord>>;

    /// Runs, newest first.
    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>>;

    /// The sync's runs whose calls were, or are, delivered (`delivering`, `succeeded`, `partial`), newest first, at most `limit`.
    fn past_runs(&self, sync: &str, limit: u64) -> Result<Vec<PastRun>>;

    /// What was used from one day to another, both included: ordered by day, sync, destination, type.
    fn usage(&self, from: Date, to: Date) -> Result<Vec<Usage>>;

    /// The run's segments; empty once they are forgotten.
    fn segments(&self, run: RunId) -> Result<Vec<SegmentInfo>>;

    /// The run's rejections and warnings, counted.
    fn findings(&self, run: RunId) -> Result<Vec<FindingCount>>;

    /// The run's deliveries, in the order of its connections.
    fn deliveries(&self, run: RunId) -> Result<Vec<DeliveryRecord>>;

    /// A delivery's dead letters by position, from `offset` on, at most `limit`.
    fn dead_letters(&self, run: RunId, destination: &str, offset: u64, limit: u64)
    -> Result<Vec<DeadLetter>>;

    /// Runs in a final state that ended before `before` and still have segments.
    fn runs_with_old_segments(&self, before: Timestamp) -> Result<Vec<RunId>>;

    /// Runs in a final state that ended before `before` and have no segments, the oldest first, from behind `after` on, at most `limit`.
    fn ended_runs(&self, before: Timestamp, after: RunId, limit: u64) -> Result<Vec<RunRecord>>;

    /// Forgets ended runs with all that belongs to them, but for what was used, in one transaction. Runs that they made be skipped, and replays of them, stay, and name them no
    /// longer.
    fn forget_runs(&self, runs: &[RunId]) -> Result<()>;

    /// Replaces what a purge replaces of a run, in one transaction.
    fn purge(&self, run: RunId, purge: &Purge) -> Result<()>;

    /// Writes the whole store anew, so that its files hold nothing of what was replaced or deleted. As long as another process reads, a trace may stay.
    fn scrub(&self) -> Result<()>;

    /// The run's segments are gone, and with them the samples of rejected rows.
    fn forget_segments(&self, run: RunId) -> Result<()>;

    /// The runs that some sync's next run will be compared with.
    fn compared_runs(&self) -> Result<Vec<RunId>>;
}

/// Where the state's key comes from: a run's key is `hash::seeded` of the installation and a random part, so that no two runs anywhere share message ids.
pub fn run_key(installation: u128, random: u128) -> RunKey {
    RunKey(crate::hash::seeded(installation, 0) ^ random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settled_positions_merge_in_any_order() {
        let mut s = Settled::default();
        for (a, b) in [(5, 7), (9, 10), (7, 9), (20, 30), (0, 5)] {
            s.insert(a, b);
        }
        assert_eq!(s, Settled { low: 10, ranges: vec![(20, 30)] });
        assert!(s.contains(9) && !s.contains(10) && s.contains(20) && !s.contains(30));
        assert_eq!(s.count(), 20);
        s.insert(8, 25);
        assert_eq!(s, Settled { low: 30, ranges: vec![] });
    }

    #[test]
    fn settled_equals_a_plain_set() {
        let mut seed = 42_u64;
        let mut next = move |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for _ in 0..200 {
            let (mut s, mut plain) = (Settled::default(), std::collections::BTreeSet::new());
            for _ in 0..30 {
                let a = next(60);
                let b = a + next(8);
                s.insert(a, b);
                plain.extend(a..b);
                assert_eq!(s.count(), plain.len() as u64, "{s:?}");
                assert!((0..70).all(|p| s.contains(p) == plain.contains(&p)), "{s:?} {plain:?}");
                assert!(
                    s.ranges.iter().all(|r| r.0 > s.low) && s.ranges.is_sorted_by(|a, b| a.1 < b.0),
                    "{s:?}"
                );
            }
        }
    }
}
