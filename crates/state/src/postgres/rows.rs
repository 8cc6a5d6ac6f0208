//! Conversions between the rows of the tables and the types of `outflow_core`.

use outflow_core::ports::spool::{SegmentInfo, SegmentKind};
use outflow_core::ports::state::{
    BaselineRun, Cursor, DeadLetter, DeliveryRecord, PastRun, SyncState, Usage, Watermark,
};
use outflow_core::run::{FindingCount, RunTrigger};
use outflow_core::{
    CallType, Code, DeliveryCounts, DeliveryState, Result, RowCounts, RunId, RunKey, RunRecord, RunState,
    Timestamp, Uptime,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::fault::{Fault, unreadable};
use super::text::unescape;

/// Steps over the index from name to name, however many runs there are.
pub(super) const NAMES: &str = "WITH RECURSIVE names(name) AS ((SELECT min(sync) FROM runs) UNION ALL
     SELECT (SELECT min(sync) FROM runs WHERE sync > name) FROM names WHERE name IS NOT NULL)";

/// The columns that [`run`] reads. A row that is damaged is an error.
pub(super) const RUN: &str = "CASE WHEN intact('runs', to_jsonb(runs)) THEN id END, key, sync, call_type, state, trigger, spec, due_at, started_at, \
     extracted_at, ended_at, last_sync_time, next_last_sync_time, clock, rows_read, calls, rejected, \
     unchanged, rejected_again, spool_bytes, reason_code, reason, skipped_by, replays, \
     ARRAY(SELECT r.id FROM runs r WHERE r.replays = runs.id ORDER BY r.id)";

/// The columns that [`sync`] reads.
pub(super) const SYNC: &str = "watermark_us, watermark_clock_of, watermark_local_us, watermark_first_us, cursor_value, cursor_column, \
     baseline_run, baseline_fingerprint, watermark_boot, watermark_uptime_us, watermark_begin_us, \
     watermark_begin_for_us, watermark_next_us, watermark_open_us, cursor_next, cursor_history";

/// The columns that [`delivery`] reads. A row that is damaged is an error.
pub(super) const DELIVERY: &str = "CASE WHEN intact('deliveries', to_jsonb(deliveries)) THEN destination END, deliveries.state, deliveries.calls, delivered, dead_letters, \
     filtered, cancelled, discarded, pending, requests, retries, bytes, settled, deliveries.reason_code, \
     deliveries.reason, sequence";

/// The cells of a row, one after the other.
pub(super) struct Cells<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Cells<'r> {
    pub(super) fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn get<T: FromSql<'r>>(&mut self) -> Result<T, Fault> {
        self.next += 1;
        Ok(self.row.try_get(self.next - 1)?)
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        self.get().map(unescape)
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<String>, Fault> {
        Ok(self.get::<Option<String>>()?.map(unescape))
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, Fault> {
        self.get().map(i64::cast_unsigned)
    }

    pub(super) fn run(&mut self) -> Result<RunId, Fault> {
        self.unsigned().map(RunId)
    }

    pub(super) fn optional_run(&mut self) -> Result<Option<RunId>, Fault> {
        Ok(self.get::<Option<i64>>()?.map(|id| RunId(id.cast_unsigned())))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, Fault> {
        self.get().and_then(timestamp)
    }

    pub(super) fn optional_time(&mut self) -> Result<Option<Timestamp>, Fault> {
        self.get::<Option<i64>>()?.map(timestamp).transpose()
    }

    pub(super) fn word<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
        let text: &str = self.get()?;
        parse(text)
            .ok_or_else(|| unreadable(format!("{text:?}, which is not a word that this version knows")))
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        self.get().and_then(parse)
    }

    pub(super) fn optional_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Fault> {
        self.get::<Option<&str>>()?.map(parse).transpose()
    }

    /// A code and a text, or neither.
    pub(super) fn reason(&mut self) -> Result<Option<(Code, String)>, Fault> {
        let code = self.get::<Option<&str>>()?;
        let text = self.optional_text()?;
        let Some(code) = code else { return Ok(None) };
        let known = Code::from_name(code).ok_or_else(|| unreadable(format!("the unknown code {code:?}")))?;
        Ok(Some((known, text.unwrap_or_default())))
    }
}

fn timestamp(microseconds: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(microseconds).map_err(|_| unreadable(format!("the time {microseconds}")))
}

/// The message has nothing of the text, which may be a row's.
fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Fault> {
    serde_json::from_str(json).map_err(|_| unreadable("a text that is not the JSON expected there"))
}

/// A JSON text for the tables.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers have a JSON form")
}

/// PostgreSQL's integers are signed: the bits stay.
pub(super) fn bits(n: u64) -> i64 {
    n.cast_signed()
}

/// A number of rows.
pub(super) fn capped(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A run's number.
pub(super) fn id(run: RunId) -> i64 {
    bits(run.0)
}

/// The name of a segment's kind in the tables.
pub(super) fn kind_name(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Calls => "calls",
        SegmentKind::Rejections => "rejections",
    }
}

pub(super) fn run(row: &Row) -> Result<RunRecord, Fault> {
    run_cells(&mut Cells::of(row))
}

fn run_cells(c: &mut Cells<'_>) -> Result<RunRecord, Fault> {
    Ok(RunRecord {
        id: c.run()?,
        key: RunKey(u128::from_be_bytes(
            c.get::<&[u8]>()?.try_into().map_err(|_| unreadable("a run's key of a wrong length"))?,
        )),
        sync: c.text()?,
        call_type: c.word(CallType::from_name)?,
        state: c.word(RunState::from_name)?,
        trigger: c.word(RunTrigger::from_name)?,
        spec: c.json()?,
        due_at: c.time()?,
        started_at: c.time()?,
        extracted_at: c.optional_time()?,
        ended_at: c.optional_time()?,
        last_sync_time: c.optional_text()?,
        next_last_sync_time: c.optional_text()?,
        clock: c.optional_time()?,
        rows: RowCounts {
            read: c.unsigned()?,
            calls: c.unsigned()?,
            rejected: c.unsigned()?,
            unchanged: c.unsigned()?,
            rejected_again: c.unsigned()?,
        },
        spool_bytes: c.unsigned()?,
        reason: c.reason()?,
        skipped_by: c.optional_run()?,
        replays: c.optional_run()?,
        replayed_by: c.get::<Vec<i64>>()?.into_iter().map(|id| RunId(id.cast_unsigned())).collect(),
    })
}

/// A run and `columns`.
pub(super) fn past_run(row: &Row) -> Result<PastRun, Fault> {
    let mut c = Cells::of(row);
    Ok(PastRun { record: run_cells(&mut c)?, columns: c.optional_json()?.unwrap_or_default() })
}

pub(super) fn run_id(row: &Row) -> Result<RunId, Fault> {
    Cells::of(row).run()
}

/// `day, sync, destination, call_type, delivered, dead_letters`.
pub(super) fn usage(row: &Row) -> Result<Usage, Fault> {
    let mut c = Cells::of(row);
    Ok(Usage {
        day: c.word(|day| day.parse().ok())?,
        sync: c.text()?,
        destination: c.text()?,
        call_type: c.word(CallType::from_name)?,
        delivered: c.unsigned()?,
        dead_letters: c.unsigned()?,
    })
}

pub(super) fn delivery(row: &Row) -> Result<DeliveryRecord, Fault> {
    delivery_cells(&mut Cells::of(row))
}

pub(super) fn delivery_cells(c: &mut Cells<'_>) -> Result<DeliveryRecord, Fault> {
    Ok(DeliveryRecord {
        destination: c.text()?,
        state: c.word(DeliveryState::from_name)?,
        counts: DeliveryCounts {
            calls: c.unsigned()?,
            delivered: c.unsigned()?,
            dead_letters: c.unsigned()?,
            filtered: c.unsigned()?,
            cancelled: c.unsigned()?,
            discarded: c.unsigned()?,
            pending: c.unsigned()?,
            requests: c.unsigned()?,
            retries: c.unsigned()?,
            bytes: c.unsigned()?,
        },
        settled: c.json()?,
        reason: c.reason()?,
        sequence: c.unsigned()?,
    })
}

pub(super) fn sync(row: &Row) -> Result<SyncState, Fault> {
    let mut c = Cells::of(row);
    let (clock_us, clock_of) = (c.get::<Option<i64>>()?, c.optional_text()?);
    let (local_clock_us, first_us) = (c.get()?, c.get()?);
    let (value, column) = (c.optional_text()?, c.optional_text()?);
    let (run, fingerprint) = (c.optional_run()?, c.optional_text()?);
    let uptime = Uptime::of(c.optional_text()?, c.get()?);
    let (begin_us, begin_for_us) = (c.get()?, c.get()?);
    let (next_us, open_us, next) = (c.get()?, c.get()?, c.optional_text()?);
    let history = c.optional_json()?.unwrap_or_default();
    Ok(SyncState {
        watermark: clock_us.map(|clock_us| Watermark {
            clock_us,
            clock_of,
            local_clock_us,
            uptime,
            begin_us,
            begin_for_us,
            first_us,
            next_us,
            open_us,
        }),
        cursor: value.map(|value| Cursor { value, column, next, history }),
        baseline: run.map(|run| BaselineRun { run, fingerprint }),
    })
}

/// `kind, number, first, entries, bytes, locator`.
pub(super) fn segment(row: &Row) -> Result<SegmentInfo, Fault> {
    let mut c = Cells::of(row);
    let kind = |name: &str| {
        [SegmentKind::Calls, SegmentKind::Rejections].into_iter().find(|k| kind_name(*k) == name)
    };
    Ok(SegmentInfo {
        kind: c.word(kind)?,
        number: u32::try_from(c.get::<i64>()?).map_err(|_| unreadable("a segment's number out of range"))?,
        first: c.unsigned()?,
        entries: c.unsigned()?,
        bytes: c.unsigned()?,
        locator: c.text()?,
    })
}

/// `code, column_name, rows, samples`.
pub(super) fn finding(row: &Row) -> Result<FindingCount, Fault> {
    let mut c = Cells::of(row);
    Ok(FindingCount {
        code: c.word(Code::from_name)?,
        column: c.optional_text()?,
        rows: c.unsigned()?,
        samples: c.json()?,
    })
}

/// `position, ordinal, message_id, code, status, reason, at, replayed_by`.
pub(super) fn dead_letter(row: &Row) -> Result<DeadLetter, Fault> {
    let mut c = Cells::of(row);
    Ok(DeadLetter {
        position: c.unsigned()?,
        ordinal: c.unsigned()?,
        message_id: c.text()?,
        code: c.word(Code::from_name)?,
        status: c.get::<Option<i32>>()?.map(|status| status as u16),
        reason: c.text()?,
        at: c.time()?,
        replayed_by: c.optional_run()?,
    })
}
