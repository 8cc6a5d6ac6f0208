//! Runs and extractions to test with.

use outflow_core::ports::spool::{SegmentInfo, SegmentKind};
use outflow_core::ports::state::{
    BaselineRun, Cursor, DeadLetter, DeliveryRecord, Extraction, NewRun, Settlement, State, SyncState,
    Watermark,
};
use outflow_core::run::{FindingCount, RunOptions, RunSpec, RunTrigger};
use outflow_core::{
    Budget, CallType, Code, Column, ColumnType, Connection, DeliveryCounts, DeliveryState, Guards, Nulls,
    RowCounts, RunId, Timestamp, Uptime,
};

/// Some second of 2026, with microseconds.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_microsecond(1_790_000_000_000_000 + second * 1_000_000 + 123_456).unwrap()
}

pub fn new_run(sync: &str) -> NewRun {
    let connection = |name: &str, nulls| Connection { destination: name.into(), nulls };
    NewRun {
        sync: sync.into(),
        call_type: CallType::Identify,
        trigger: RunTrigger::Schedule,
        spec: RunSpec {
            source: "warehouse.main".into(),
            query: "SELECT 'ü' AS \"userId\"".into(),
            connections: vec![connection("journeys", Nulls::Send), connection("audit", Nulls::Omit)],
            options: RunOptions::default(),
            guards: Guards {
                max_rows: Some(1_000_000),
                budget: Budget { per_day: Some(1 << 50), per_month: None },
                ..Guards::default()
            },
            ids: Default::default(),
            skipped: vec![],
        },
        due_at: at(0),
        started_at: at(1),
    }
}

pub fn segment(kind: SegmentKind, number: u32) -> SegmentInfo {
    let locator = format!("somewhere/{kind:?}/{number}");
    SegmentInfo { kind, number, locator, first: u64::from(number) * 50, entries: 50, bytes: 1000 }
}

pub fn extraction(calls: u64, watermark_update: Option<SyncState>) -> Extraction {
    let finding = |code, column: Option<&str>, samples| FindingCount {
        code,
        column: column.map(Into::into),
        rows: 7,
        samples,
    };
    Extraction {
        at: at(60),
        rows: RowCounts { read: calls + 10, calls, rejected: 7, unchanged: 3, rejected_again: 2 },
        segments: vec![
            segment(SegmentKind::Calls, 0),
            segment(SegmentKind::Calls, 1),
            segment(SegmentKind::Rejections, 0),
        ],
        findings: vec![
            finding(Code::InvalidTime, Some("timestamp"), vec!["{\"ordinal\":1}".into()]),
            finding(Code::LargeInteger, None, Vec::new()),
        ],
        columns: vec![Column {
            name: "user \"Id\"".into(),
            ty: ColumnType::TimestampTz,
            declared: "timestamp with time zone".into(),
        }],
        next_last_sync_time: Some("1790000000".into()),
        watermark_update,
        replayed: None,
        fills: Vec::new(),
        fills_new: Vec::new(),
        compared_with: None,
        objections: Vec::new(),
        budgets: Default::default(),
    }
}

/// A run with this many calls that awaits approval.
pub async fn held(state: &dyn State, sync: &str, calls: u64) -> RunId {
    let run = state.create_run(&new_run(sync)).await.unwrap().id;
    state.begin_extraction(run, at(2), "0").await.unwrap();
    let objections = vec![(Code::TooManyRows, "too many".to_owned())];
    state
        .commit_extraction(run, &Extraction { objections, ..extraction(calls, Some(moved(run))) })
        .await
        .unwrap();
    run
}

/// The state of a sync whose watermark is at this clock, and nothing else.
pub fn started_at(clock_us: i64) -> SyncState {
    SyncState { watermark: Some(Watermark { clock_us, ..Watermark::default() }), ..SyncState::default() }
}

/// A counter, and where it was earlier.
pub fn counter(step: i64) -> Cursor {
    let history = vec![(7, format!("h{step}"))];
    Cursor { value: format!("c{step}"), column: None, next: Some(format!("n{step}")), history }
}

pub fn moved(run: RunId) -> SyncState {
    SyncState {
        watermark: Some(Watermark {
            clock_us: 1_790_000_000_123_456,
            clock_of: Some("db.example.com:5439/analytics".into()),
            local_clock_us: Some(1_790_000_000_000_001),
            first_us: Some(1_780_000_000_000_000),
            uptime: Some(Uptime { boot: "a boot".into(), us: 5_000_000 }),
            begin_us: Some(1_789_000_000_000_000),
            begin_for_us: Some(7),
            next_us: Some(1_789_999_700_000_000),
            open_us: Some(1_789_900_000_000_000),
        }),
        cursor: Some(Cursor {
            value: "2026-01-01 00:00:00".into(),
            column: Some("updated_at".into()),
            next: Some("1767225300".into()),
            history: vec![(-5, "17".into()), (9, "2.5".into())],
        }),
        baseline: Some(BaselineRun { run, fingerprint: Some("abc".into()) }),
    }
}

/// A run that delivers this many calls to two destinations.
pub async fn delivering(state: &dyn State, sync: &str, calls: u64) -> RunId {
    let run = state.create_run(&new_run(sync)).await.unwrap().id;
    state.begin_extraction(run, at(2), "0").await.unwrap();
    state.commit_extraction(run, &extraction(calls, Some(moved(run)))).await.unwrap();
    run
}

pub fn dead_letter(position: u64) -> DeadLetter {
    DeadLetter {
        replayed_by: None,
        position,
        ordinal: position * 2,
        message_id: format!("id-{position}"),
        code: Code::CallRefused,
        status: Some(422),
        reason: "no such \"user\"".into(),
        at: at(90),
    }
}

/// A settlement that changes nothing yet. It follows the record.
pub fn settlement(run: RunId, record: &DeliveryRecord) -> Settlement {
    Settlement {
        run,
        destination: record.destination.clone(),
        sequence: record.sequence + 1,
        settled: Vec::new(),
        added: DeliveryCounts::default(),
        dead: Vec::new(),
        state: record.state,
        reason: record.reason.clone(),
        at: at(90),
    }
}

/// Settles the next calls of a delivery: all delivered but the last, which is a dead letter. Brings
/// the record to where the settlement leads.
pub fn progress(run: RunId, record: &mut DeliveryRecord, calls: u64) -> Settlement {
    let low = record.settled.low;
    let settlement = Settlement {
        settled: vec![(low, low + calls)],
        added: DeliveryCounts {
            delivered: calls - 1,
            dead_letters: 1,
            requests: 1,
            ..DeliveryCounts::default()
        },
        dead: vec![dead_letter(low + calls - 1)],
        ..settlement(run, record)
    };
    outflow_core::rules::settle(record, &settlement).unwrap().unwrap();
    settlement
}

/// Settles all that is pending, with one dead letter if the delivery is to end as partial.
pub fn ending(run: RunId, record: &DeliveryRecord, end: DeliveryState) -> Settlement {
    let (calls, dead) = (record.counts.calls, u64::from(end == DeliveryState::Partial));
    Settlement {
        settled: vec![(0, calls)],
        added: DeliveryCounts { delivered: calls - dead, dead_letters: dead, ..DeliveryCounts::default() },
        dead: (calls - dead..calls).map(dead_letter).collect(),
        state: end,
        ..settlement(run, record)
    }
}

/// The runs of open gaps, and how many calls are missing.
pub async fn open_gaps(state: &dyn State) -> Vec<(RunId, u64)> {
    let gaps = state.open_gaps().await.unwrap().into_iter();
    gaps.map(|gap| (gap.missing.opened_by, gap.missing.calls)).collect()
}
