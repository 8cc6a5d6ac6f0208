//! Between the rows of the tables and the types of `outflow_core`.

use outflow_core::ports::spool::{SegmentInfo, SegmentKind};
use outflow_core::ports::state::{
    BaselineRun, Cursor, DeadLetter, DeliveryRecord, PastRun, RowsRead, SyncState, Usage, Watermark,
};
use outflow_core::ports::watch::Pending;
use outflow_core::run::{FindingCount, RunTrigger};
use outflow_core::{
    CallType, Code, Date, DeliveryCounts, DeliveryState, RowCounts, RunId, RunKey, RunRecord, RunState,
    Timestamp, Uptime,
};
use rusqlite::types::Type;
use rusqlite::{Result, Row};
use serde::de::DeserializeOwned;

use super::checksums::intact;

macro_rules! run_intact {
    () => {
        intact!(
            "runs",
            "runs.id, key, sync, call_type, state, trigger, spec, due_at, started_at, extracted_at, \
             ended_at, last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, unchanged, \
             spool_bytes, columns, reason_code, reason, skipped_by, replays, compared_with, \
             rejected_again, kind"
        )
    };
}

/// Checks a row of `runs`.
pub(crate) const RUN_INTACT: &str = run_intact!();

/// The columns that [`run`] reads.
pub(crate) const RUN: &str = concat!(
    "id, key, sync, call_type, state, trigger, spec, due_at, started_at, extracted_at, ended_at, \
     last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, unchanged, spool_bytes, \
     reason_code, reason, skipped_by, replays, \
     (SELECT json_group_array(r.id ORDER BY r.id) FROM runs r WHERE r.replays = runs.id), \
     rejected_again, ",
    run_intact!()
);

/// The columns that [`sync`] reads.
pub(crate) const SYNC: &str = "watermark_us, watermark_clock_of, watermark_local_us, \
     watermark_first_us, cursor_value, cursor_column, baseline_run, baseline_fingerprint, \
     watermark_boot, watermark_uptime_us, watermark_begin_us, watermark_begin_for_us, \
     watermark_next_us, watermark_open_us, cursor_next, cursor_history";

/// Checks a row of `syncs`.
pub(crate) const SYNC_INTACT: &str = intact!(
    "syncs",
    "name, watermark_us, watermark_clock_of, watermark_local_us, watermark_first_us, cursor_value, \
     cursor_column, baseline_run, baseline_fingerprint, watermark_boot, watermark_uptime_us, \
     watermark_begin_us, watermark_begin_for_us, watermark_next_us, watermark_open_us, cursor_next, \
     cursor_history"
);

/// The columns that [`delivery`] reads.
pub(crate) const DELIVERY: &str = "destination, state, calls, delivered, dead_letters, filtered, \
     cancelled, discarded, pending, requests, retries, bytes, settled, reason_code, reason, sequence";

/// Checks a row of `deliveries`.
pub(crate) const DELIVERY_INTACT: &str = intact!(
    "deliveries",
    "run, destination, place, state, calls, delivered, dead_letters, filtered, cancelled, discarded, \
     pending, requests, retries, bytes, settled, reason_code, reason, sequence"
);

/// Checks a row of `segments`.
pub(crate) const SEGMENT_INTACT: &str =
    intact!("segments", "run, kind, number, first, entries, bytes, locator");

/// Checks a row of `dead_letters`.
pub(crate) const LETTER_INTACT: &str = intact!(
    "dead_letters",
    "run, destination, position, ordinal, message_id, code, status, reason, at, replayed_by"
);

/// Checks a row of `schedules`.
pub(crate) const SCHEDULE_INTACT: &str = intact!("schedules", "sync, fired");

/// Checks a row of `approvals`.
pub(crate) const APPROVAL_INTACT: &str = intact!("approvals", "run, next_last_sync_time, watermark_update");

pub(crate) fn run(row: &Row<'_>) -> Result<RunRecord> {
    Ok(RunRecord {
        id: RunId(unsigned(row, 0)?),
        key: RunKey(u128::from_be_bytes(row.get(1)?)),
        sync: row.get(2)?,
        call_type: word(row, 3, CallType::from_name)?,
        state: word(row, 4, RunState::from_name)?,
        trigger: word(row, 5, RunTrigger::from_name)?,
        spec: json(row, 6)?,
        due_at: time(row, 7)?,
        started_at: time(row, 8)?,
        extracted_at: optional(row, 9, time)?,
        ended_at: optional(row, 10, time)?,
        last_sync_time: row.get(11)?,
        next_last_sync_time: row.get(12)?,
        clock: optional(row, 13, time)?,
        rows: RowCounts {
            read: unsigned(row, 14)?,
            calls: unsigned(row, 15)?,
            rejected: unsigned(row, 16)?,
            unchanged: unsigned(row, 17)?,
            rejected_again: unsigned(row, 24)?,
        },
        spool_bytes: unsigned(row, 18)?,
        reason: reason(row, 19)?,
        skipped_by: optional(row, 21, unsigned)?.map(RunId),
        replays: optional(row, 22, unsigned)?.map(RunId),
        replayed_by: json(row, 23)?,
    })
}

/// A run and `columns`.
pub(crate) fn past_run(row: &Row<'_>) -> Result<PastRun> {
    let at = row.as_ref().column_index("columns")?;
    Ok(PastRun { record: run(row)?, columns: optional(row, at, json)?.unwrap_or_default() })
}

/// `day, sync, destination, call_type, delivered, dead_letters`.
pub(crate) fn usage(row: &Row<'_>) -> Result<Usage> {
    Ok(Usage {
        day: word(row, 0, |day| day.parse().ok())?,
        sync: row.get(1)?,
        destination: row.get(2)?,
        call_type: word(row, 3, CallType::from_name)?,
        delivered: unsigned(row, 4)?,
        dead_letters: unsigned(row, 5)?,
    })
}

/// `next_last_sync_time, watermark_update` of a run that awaits approval.
pub(crate) fn approval(row: &Row<'_>) -> Result<(Option<String>, Option<SyncState>)> {
    Ok((row.get(0)?, optional(row, 1, json)?))
}

pub(crate) fn delivery(row: &Row<'_>) -> Result<DeliveryRecord> {
    Ok(DeliveryRecord {
        destination: row.get(0)?,
        state: word(row, 1, DeliveryState::from_name)?,
        counts: DeliveryCounts {
            calls: unsigned(row, 2)?,
            delivered: unsigned(row, 3)?,
            dead_letters: unsigned(row, 4)?,
            filtered: unsigned(row, 5)?,
            cancelled: unsigned(row, 6)?,
            discarded: unsigned(row, 7)?,
            pending: unsigned(row, 8)?,
            requests: unsigned(row, 9)?,
            retries: unsigned(row, 10)?,
            bytes: unsigned(row, 11)?,
        },
        settled: json(row, 12)?,
        reason: reason(row, 13)?,
        sequence: unsigned(row, 15)?,
    })
}

pub(crate) fn sync(row: &Row<'_>) -> Result<SyncState> {
    let (clock_us, value): (Option<i64>, Option<String>) = (row.get(0)?, row.get(4)?);
    let watermark = clock_us.map(|clock_us| -> Result<Watermark> {
        Ok(Watermark {
            clock_us,
            clock_of: row.get(1)?,
            local_clock_us: row.get(2)?,
            first_us: row.get(3)?,
            uptime: Uptime::of(row.get(8)?, row.get(9)?),
            begin_us: row.get(10)?,
            begin_for_us: row.get(11)?,
            next_us: row.get(12)?,
            open_us: row.get(13)?,
        })
    });
    let cursor = value.map(|value| -> Result<Cursor> {
        let history = optional(row, 15, json)?.unwrap_or_default();
        Ok(Cursor { value, column: row.get(5)?, next: row.get(14)?, history })
    });
    let baseline = optional(row, 6, unsigned)?
        .map(|run| -> Result<BaselineRun> { Ok(BaselineRun { run: RunId(run), fingerprint: row.get(7)? }) });
    Ok(SyncState {
        watermark: watermark.transpose()?,
        cursor: cursor.transpose()?,
        baseline: baseline.transpose()?,
    })
}

/// `kind, number, first, entries, bytes, locator`.
pub(crate) fn segment(row: &Row<'_>) -> Result<SegmentInfo> {
    let kind = |name: &str| {
        [SegmentKind::Calls, SegmentKind::Rejections].into_iter().find(|k| kind_name(*k) == name)
    };
    Ok(SegmentInfo {
        kind: word(row, 0, kind)?,
        number: row.get(1)?,
        first: unsigned(row, 2)?,
        entries: unsigned(row, 3)?,
        bytes: unsigned(row, 4)?,
        locator: row.get(5)?,
    })
}

/// `code, column_name, rows, samples`.
pub(crate) fn finding(row: &Row<'_>) -> Result<FindingCount> {
    Ok(FindingCount {
        code: word(row, 0, Code::from_name)?,
        column: row.get(1)?,
        rows: unsigned(row, 2)?,
        samples: json(row, 3)?,
    })
}

/// `position, ordinal, message_id, code, status, reason, at, replayed_by`.
pub(crate) fn dead_letter(row: &Row<'_>) -> Result<DeadLetter> {
    Ok(DeadLetter {
        position: unsigned(row, 0)?,
        ordinal: unsigned(row, 1)?,
        message_id: row.get(2)?,
        code: word(row, 3, Code::from_name)?,
        status: row.get(4)?,
        reason: row.get(5)?,
        at: time(row, 6)?,
        replayed_by: optional(row, 7, unsigned)?.map(RunId),
    })
}

/// `day, sync, destination, calls`; the day is null for pending calls.
pub(crate) fn spent(row: &Row<'_>) -> Result<(Option<Date>, String, String, u64)> {
    let day = optional(row, 0, |row, i| word(row, i, |day| day.parse().ok()))?;
    Ok((day, row.get(1)?, row.get(2)?, unsigned(row, 3)?))
}

/// `sync, destination, calls`.
pub(crate) fn pending(row: &Row<'_>) -> Result<Pending> {
    Ok(Pending { sync: row.get(0)?, destination: row.get(1)?, calls: unsigned(row, 2)? })
}

/// `sync`, how many runs, `rows_read`.
pub(crate) fn rows_read(row: &Row<'_>) -> Result<RowsRead> {
    Ok(RowsRead { sync: row.get(0)?, runs: unsigned(row, 1)?, rows: unsigned(row, 2)? })
}

pub(crate) fn run_id(row: &Row<'_>) -> Result<RunId> {
    unsigned(row, 0).map(RunId)
}

pub(crate) fn timestamp(row: &Row<'_>) -> Result<Timestamp> {
    time(row, 0)
}

/// The name of a segment's kind in the tables.
pub(crate) fn kind_name(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Calls => "calls",
        SegmentKind::Rejections => "rejections",
    }
}

/// A JSON text for the tables.
pub(crate) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers have a JSON form")
}

pub(crate) fn unsigned(row: &Row<'_>, i: usize) -> Result<u64> {
    row.get::<_, i64>(i).map(i64::cast_unsigned)
}

pub(crate) fn optional<T>(
    row: &Row<'_>,
    i: usize,
    read: fn(&Row<'_>, usize) -> Result<T>,
) -> Result<Option<T>> {
    match row.get_ref(i)?.data_type() {
        Type::Null => Ok(None),
        _ => read(row, i).map(Some),
    }
}

pub(crate) fn time(row: &Row<'_>, i: usize) -> Result<Timestamp> {
    Timestamp::from_microsecond(row.get(i)?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(i, Type::Integer, e.into()))
}

pub(crate) fn word<T>(row: &Row<'_>, i: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    let text: String = row.get(i)?;
    parse(&text).ok_or_else(|| {
        let message = format!("{text:?} is not a word that this version knows");
        rusqlite::Error::FromSqlConversionFailure(i, Type::Text, message.into())
    })
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, i: usize) -> Result<T> {
    let text: String = row.get(i)?;
    serde_json::from_str(&text).map_err(|_| {
        rusqlite::Error::FromSqlConversionFailure(i, Type::Text, "not the JSON expected here".into())
    })
}

pub(crate) fn reason(row: &Row<'_>, i: usize) -> Result<Option<(Code, String)>> {
    match row.get_ref(i)?.data_type() {
        Type::Null => Ok(None),
        _ => Ok(Some((word(row, i, Code::from_name)?, row.get(i + 1)?))),
    }
}
