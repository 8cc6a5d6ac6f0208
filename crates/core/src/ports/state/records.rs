//! What the state port takes and gives: plain values without behaviour, except for the set
//! arithmetic of [`Settled`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{GapId, MissingCalls};
use crate::ports::spool::SegmentInfo;
use crate::run::{FindingCount, RunSpec, RunTrigger};
use crate::{
    Budget, CallType, Code, Column, Date, DeliveryCounts, DeliveryState, RowCounts, RunId, RunKey, RunRecord,
    RunState, Uptime,
};

/// The state of a sync: where its next incremental run begins and what it is compared
/// with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncState {
    /// The start of the last run that moved `last_sync_time`; `None` before the first.
    pub watermark: Option<Watermark>,
    /// The largest value of the cursor column so far, for a sync that has one.
    pub cursor: Option<Cursor>,
    /// What the next run's calls are compared with; `None`: with nothing.
    pub baseline: Option<BaselineRun>,
}

/// The start of a run by the warehouse's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// Unix microseconds by the warehouse's clock.
    pub clock_us: i64,
    /// Whose clock that was: `Warehouse::source_id`. `None`: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_of: Option<String>,
    /// Unix microseconds by the local clock at that moment or a little earlier. `None`: not
    /// recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_clock_us: Option<i64>,
    /// The uptime of the local machine at that moment or a little earlier. `None`: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Uptime>,
    /// From where the next run's start was counted, if not from `clock_us`: the clock had just
    /// leapt ahead. Unix microseconds by the warehouse's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin_us: Option<i64>,
    /// For how many more microseconds later runs begin there, too; `None`: the next one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin_for_us: Option<i64>,
    /// Where the first run began by the warehouse's clock, if it did not begin at 0: no lookback
    /// reaches behind it. Unix microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_us: Option<i64>,
    /// Where the next run begins, with the lookback and open transactions allowed for. Unix
    /// microseconds by the warehouse's clock. `None`: an older version did not record it, or a
    /// cursor decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_us: Option<i64>,
    /// When a transaction began, or was prepared, whose rows the next run may begin too late for.
    /// Unix microseconds by the warehouse's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_us: Option<i64>,
}

/// The largest value of a cursor column that the runs have seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// As the text of the column.
    pub value: String,
    /// Which column that is. `None`: not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Where the next run begins. `None`: an older version did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What the largest value was after earlier runs, in their order: the warehouse's clock after
    /// the run had read, in Unix microseconds, and the value. Kept for numbers alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<(i64, String)>,
}

/// The run with which the next run's calls are compared, by content hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineRun {
    /// The last run that moved `last_sync_time`, or one of another kind after it. If it made any
    /// calls, its hashes exist: their absence is damage.
    pub run: RunId,
    /// A hash of what the contents depend on (query, call type, cursor column and more). Another
    /// value voids the comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    pub trigger: RunTrigger,
    /// What it keeps of its sync.
    pub spec: RunSpec,
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
    /// The gaps that it fills.
    pub fills: Vec<GapId>,
    /// Gaps that it fills and that open in this transaction: destinations that the sync's runs have
    /// not had yet.
    pub fills_new: Vec<MissingCalls>,
    /// What its destinations had got before, if it is known: the run that it was compared with.
    pub compared_with: Option<RunId>,
    /// What the guards object to, apart from budgets. If anything does, the run awaits approval,
    /// and what `next_last_sync_time` and `watermark_update` say waits for it.
    pub objections: Vec<Objection>,
    /// The budgets of destinations, by name. They are checked, together with the run's own, in the
    /// transaction that commits: two runs never take the same rest of a budget.
    pub budgets: BTreeMap<String, Budget>,
}

/// A guard's objection: the code of the guard and a sentence.
pub type Objection = (Code, String);

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

/// Rows that the runs of a sync read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowsRead {
    /// The sync.
    pub sync: String,
    /// Its runs that began in the time that was asked for; skipped ones are none.
    pub runs: u64,
    /// The rows of their results.
    pub rows: u64,
}

/// Which positions are settled: all below `low`, and those of `ranges` (half-open, sorted, apart
/// from each other and from `low`).
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
    /// Its state.
    pub state: DeliveryState,
    /// Its numbers.
    pub counts: DeliveryCounts,
    /// Which calls are settled (unchanged ones count as settled).
    pub settled: Settled,
    /// Why it is stopped.
    pub reason: Option<(Code, String)>,
    /// The number of the last settlement that this record contains. See [`Settlement::sequence`].
    pub sequence: u64,
}

/// Progress of one delivery since its last settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The run.
    pub run: RunId,
    /// The destination.
    pub destination: String,
    /// One more than the `sequence` of the record that it follows. A settlement whose number is not
    /// above the record's changes nothing: so one whose commit was not acknowledged can be
    /// repeated.
    pub sequence: u64,
    /// Positions that are settled now, as half-open ranges: at least those of the calls that
    /// `added` counts as delivered, refused or filtered. Positions of unchanged calls count as
    /// settled, too.
    pub settled: Vec<(u64, u64)>,
    /// What is added to the counts. `calls` and `pending` are ignored: the rule derives `pending`.
    pub added: DeliveryCounts,
    /// New dead letters.
    pub dead: Vec<DeadLetter>,
    /// The delivery's state now.
    pub state: DeliveryState,
    /// Why it is stopped.
    pub reason: Option<(Code, String)>,
    /// Now: delivered calls and dead letters count as used on this day of UTC.
    pub at: Timestamp,
}

/// A call that a destination refused for good. The call itself stays in its segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// Which runs to list. All conditions hold.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this sync alone.
    pub sync: Option<String>,
    /// In one of these states; empty: in any.
    pub states: Vec<RunState>,
    /// Of this kind ([`RunKind::NAMES`](crate::run::RunKind::NAMES)).
    pub kind: Option<String>,
    /// That began at this time or later.
    pub since: Option<Timestamp>,
    /// That began before this time.
    pub until: Option<Timestamp>,
    /// Those before this run: with smaller numbers.
    pub before: Option<RunId>,
    /// No more than this, the newest; 0: all.
    pub limit: u64,
}

impl RunFilter {
    /// The newest runs of a sync, or of all, at most this many; 0: all.
    pub fn newest(sync: Option<&str>, limit: u64) -> Self {
        Self { sync: sync.map(str::to_owned), limit, ..Self::default() }
    }
}

/// Where the state's key comes from: a run's key is `hash::seeded` of the installation and a random
/// part, so that no two runs anywhere share message ids.
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
