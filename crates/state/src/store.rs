//! The port: one method, one transaction.

use outflow_core::ports::spool::{PURGED, SegmentInfo};
use outflow_core::ports::state::{
    DeadLetter, DeliveryRecord, Extraction, NewRun, PastRun, Purge, RunFilter, State, SyncState, Usage,
    run_key,
};
use outflow_core::run::{FindingCount, Trigger};
use outflow_core::{Code, Date, Result, RunId, RunKey, RunRecord, RunState, Timestamp, hash};
use rusqlite::{Row, Transaction, params};

use crate::SqliteState;
use crate::deliveries::{
    count_usage, insert_dead_letters, insert_deliveries, mark_replayed, update_delivery,
};
use crate::errors::{Fault, impossible};
use crate::rows::{self, DELIVERY, RUN, SYNC, kind_name, to_json};
use crate::sql::{all, bits, capped, id, one};

impl State for SqliteState {
    fn sync(&self, name: &str) -> Result<SyncState> {
        let sql = format!("SELECT {SYNC} FROM syncs WHERE name = ?1");
        self.read(|c| one(c, &sql, [name], rows::sync)).map(Option::unwrap_or_default)
    }

    fn create_run(&self, new: &NewRun) -> Result<RunRecord> {
        let key = run_key(self.installation(), hash::random()?);
        self.write(|t| insert_run(t, new, key, RunState::Queued))
    }

    fn skip_run(&self, new: &NewRun, by: Option<RunId>, reason: &(Code, String)) -> Result<RunRecord> {
        let key = run_key(self.installation(), hash::random()?);
        self.write(|t| {
            let run = insert_run(t, new, key, RunState::Skipped)?.id;
            let sql = format!(
                "UPDATE runs SET ended_at = ?2, skipped_by = ?3, reason_code = ?4, reason = ?5 WHERE id = ?1 RETURNING {RUN}"
            );
            let at = new.started_at.as_microsecond();
            let values = params![id(run), at, by.map(id), reason.0.as_str(), reason.1];
            Ok(t.prepare_cached(&sql)?.query_row(values, rows::run)?)
        })
    }

    fn fired(&self, sync: &str) -> Result<Option<Timestamp>> {
        self.read(|c| one(c, "SELECT fired FROM schedules WHERE sync = ?1", [sync], rows::timestamp))
    }

    fn set_fired(&self, sync: &str, slot: Timestamp) -> Result<()> {
        self.write(|t| fire(t, sync, slot))
    }

    fn unfinished(&self, sync: &str) -> Result<Option<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE sync = ?1 AND ended_at IS NULL ORDER BY id LIMIT 1");
        self.read(|c| one(c, &sql, [sync], rows::run))
    }

    fn unfinished_runs(&self) -> Result<Vec<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE ended_at IS NULL ORDER BY id");
        self.read(|c| all(c, &sql, [], rows::run))
    }

    fn begin_extraction(&self, run: RunId, clock: Timestamp, last_sync_time: &str) -> Result<()> {
        self.write(|t| {
            let sql = "UPDATE runs SET state = 'extracting', clock = ?2, last_sync_time = ?3
                       WHERE id = ?1 AND state IN ('queued', 'extracting')";
            let values = params![id(run), clock.as_microsecond(), last_sync_time];
            step(t, run, RunState::Extracting, t.prepare_cached(sql)?.execute(values)?)
        })
    }

    fn commit_extraction(&self, run: RunId, extraction: &Extraction) -> Result<()> {
        self.write(|t| {
            let end = end_of_extraction(extraction);
            let sql = "UPDATE runs SET state = ?2, extracted_at = ?3, ended_at = ?4, rows_read = ?5, calls = ?6, rejected = ?7,
                       unchanged = ?8, spool_bytes = ?9, next_last_sync_time = ?10, columns = ?11, reason_code = ?12, reason = ?13
                       WHERE id = ?1 AND state = 'extracting'";
            let (at, counts) = (extraction.at.as_microsecond(), &extraction.rows);
            let (held, next) = (extraction.held.as_ref(), extraction.next_last_sync_time.as_ref());
            let values = params![
                id(run),
                end.name(),
                at,
                end.is_final().then_some(at),
                bits(counts.read),
                bits(counts.calls),
                bits(counts.rejected),
                bits(counts.unchanged),
                bits(extraction.segments.iter().map(|s| s.bytes).sum()),
                next.filter(|_| held.is_none()),
                to_json(&extraction.columns),
                held.map(|h| h.0.as_str()),
                held.map(|h| &h.1),
            ];
            step(t, run, end, t.prepare_cached(sql)?.execute(values)?)?;
            insert_segments(t, run, &extraction.segments)?;
            insert_findings(t, run, &extraction.findings)?;
            insert_deliveries(t, run, &one_run(t, run)?.pinned, counts.calls)?;
            if let Some(replayed) = &extraction.replayed {
                mark_replayed(t, run, replayed)?;
            }
            let moves = extraction.watermark_update.as_ref();
            if end == RunState::AwaitingApproval {
                let sql = "INSERT INTO held (run, next_last_sync_time, moves) VALUES (?1, ?2, ?3)";
                t.prepare_cached(sql)?.execute(params![id(run), next, moves.map(to_json)])?;
                return Ok(());
            }
            moves.map_or(Ok(()), |moved| move_sync(t, run, moved))
        })
    }

    fn approve(&self, run: RunId, at: Timestamp) -> Result<RunState> {
        self.write(|t| {
            let (next, moves) = take_held(t, run)?;
            let sql = "UPDATE runs SET state = iif(calls = 0, 'succeeded', 'delivering'), ended_at = iif(calls = 0, ?2, NULL),
                       next_last_sync_time = ?3, reason_code = NULL, reason = NULL WHERE id = ?1 AND state = 'awaiting_approval'";
            let values = params![id(run), at.as_microsecond(), next];
            step(t, run, RunState::Delivering, t.prepare_cached(sql)?.execute(values)?)?;
            if let Some(moved) = moves {
                move_sync(t, run, &moved)?;
            }
            Ok(one_run(t, run)?.state)
        })
    }

    fn reject(&self, run: RunId, at: Timestamp, skip_window: bool) -> Result<()> {
        self.write(|t| {
            let (next, moves) = take_held(t, run)?;
            let sql = "UPDATE runs SET state = 'rejected', ended_at = ?2, next_last_sync_time = ?3 WHERE id = ?1 AND state = 'awaiting_approval'";
            let values = params![id(run), at.as_microsecond(), next.filter(|_| skip_window)];
            step(t, run, RunState::Rejected, t.prepare_cached(sql)?.execute(values)?)?;
            let sql = "UPDATE deliveries SET state = 'succeeded', discarded = discarded + pending, pending = 0 WHERE run = ?1";
            t.prepare_cached(sql)?.execute([id(run)])?;
            t.execute("DELETE FROM segments WHERE run = ?1", [id(run)])?;
            match moves.filter(|_| skip_window) {
                Some(moved) => move_sync(t, run, &SyncState { run: None, fingerprint: None, ..moved }),
                None => Ok(()),
            }
        })
    }

    fn settle(
        &self,
        run: RunId,
        delivery: &DeliveryRecord,
        dead: &[DeadLetter],
        at: Timestamp,
    ) -> Result<()> {
        self.write(|t| {
            count_usage(t, run, delivery, at)?;
            update_delivery(t, run, delivery)?;
            insert_dead_letters(t, run, &delivery.destination, dead)
        })
    }

    fn conclude(&self, run: RunId, at: Timestamp) -> Result<Option<RunState>> {
        self.write(|t| {
            let sql = "SELECT coalesce(sum(state NOT IN ('succeeded', 'partial')), 0), coalesce(sum(state = 'partial'), 0) FROM deliveries WHERE run = ?1";
            let counted = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            let (open, partial) = t.prepare_cached(sql)?.query_row([id(run)], counted)?;
            if open > 0 {
                return Ok(None);
            }
            let end = if partial > 0 { RunState::Partial } else { RunState::Succeeded };
            let sql = "UPDATE runs SET state = ?2, ended_at = ?3 WHERE id = ?1 AND state = 'delivering'";
            let touched = t.prepare_cached(sql)?.execute(params![id(run), end.name(), at.as_microsecond()])?;
            Ok((touched == 1).then_some(end))
        })
    }

    fn end_run(
        &self,
        run: RunId,
        state: RunState,
        at: Timestamp,
        reason: Option<(Code, String)>,
        rewind: Option<&SyncState>,
    ) -> Result<()> {
        if !state.is_final() {
            return Err(impossible(format!("{state} is not an end of run {run}")));
        }
        self.write(|t| {
            let sql = "UPDATE runs SET state = ?2, ended_at = ?3, reason_code = ?4, reason = ?5 WHERE id = ?1 AND ended_at IS NULL";
            let (code, reason) = reason.as_ref().map(|(code, reason)| (code.as_str(), reason)).unzip();
            let values = params![id(run), state.name(), at.as_microsecond(), code, reason];
            step(t, run, state, t.prepare_cached(sql)?.execute(values)?)?;
            rewind.map_or(Ok(()), |before| move_sync(t, run, before))
        })
    }

    fn run(&self, run: RunId) -> Result<Option<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE id = ?1");
        self.read(|c| one(c, &sql, [id(run)], rows::run))
    }

    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>> {
        // SQLite takes a negative limit as none.
        let limit = if filter.limit == 0 { -1 } else { capped(filter.limit) };
        self.read(|c| match &filter.sync {
            Some(sync) => {
                let sql = format!("SELECT {RUN} FROM runs WHERE sync = ?1 ORDER BY id DESC LIMIT ?2");
                all(c, &sql, params![sync, limit], rows::run)
            }
            None => all(c, &format!("SELECT {RUN} FROM runs ORDER BY id DESC LIMIT ?1"), [limit], rows::run),
        })
    }

    fn past_runs(&self, sync: &str, limit: u64) -> Result<Vec<PastRun>> {
        let sql = format!(
            "SELECT {RUN}, columns FROM runs WHERE sync = ?1 AND state IN ('delivering', 'succeeded', 'partial') ORDER BY id DESC LIMIT ?2"
        );
        self.read(|c| all(c, &sql, params![sync, capped(limit)], rows::past_run))
    }

    fn usage(&self, from: Date, to: Date) -> Result<Vec<Usage>> {
        let sql = "SELECT day, sync, destination, call_type, delivered, dead_letters FROM usage WHERE day BETWEEN ?1 AND ?2
                   ORDER BY day, sync, destination, call_type";
        self.read(|c| all(c, sql, [from.to_string(), to.to_string()], rows::usage))
    }

    fn segments(&self, run: RunId) -> Result<Vec<SegmentInfo>> {
        let sql = "SELECT kind, number, first, entries, bytes, locator FROM segments WHERE run = ?1 ORDER BY kind, number";
        self.read(|c| all(c, sql, [id(run)], rows::segment))
    }

    fn findings(&self, run: RunId) -> Result<Vec<FindingCount>> {
        let sql = "SELECT code, column_name, rows, samples FROM findings WHERE run = ?1 ORDER BY place";
        self.read(|c| all(c, sql, [id(run)], rows::finding))
    }

    fn deliveries(&self, run: RunId) -> Result<Vec<DeliveryRecord>> {
        let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE run = ?1 ORDER BY place");
        self.read(|c| all(c, &sql, [id(run)], rows::delivery))
    }

    fn dead_letters(
        &self,
        run: RunId,
        destination: &str,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<DeadLetter>> {
        let sql =
            "SELECT position, ordinal, message_id, code, status, reason, at, replayed_by FROM dead_letters
                   WHERE run = ?1 AND destination = ?2 ORDER BY position LIMIT ?3 OFFSET ?4";
        let values = params![id(run), destination, capped(limit), capped(offset)];
        self.read(|c| all(c, sql, values, rows::dead_letter))
    }

    fn runs_with_old_segments(&self, before: Timestamp) -> Result<Vec<RunId>> {
        let sql = "SELECT id FROM runs WHERE ended_at < ?1 AND EXISTS (SELECT 1 FROM segments WHERE run = runs.id) ORDER BY id";
        self.read(|c| all(c, sql, [before.as_microsecond()], rows::run_id))
    }

    fn ended_runs(&self, before: Timestamp, after: RunId, limit: u64) -> Result<Vec<RunRecord>> {
        let sql = format!(
            "SELECT {RUN} FROM runs WHERE id > ?2 AND ended_at < ?1 AND NOT EXISTS (SELECT 1 FROM segments WHERE run = runs.id)
             ORDER BY id LIMIT ?3"
        );
        self.read(|c| all(c, &sql, params![before.as_microsecond(), id(after), capped(limit)], rows::run))
    }

    fn forget_runs(&self, runs: &[RunId]) -> Result<()> {
        self.write(|t| {
            for run in runs {
                for sql in [
                    "UPDATE runs SET skipped_by = NULL WHERE skipped_by = ?1",
                    "UPDATE runs SET replays = NULL WHERE replays = ?1",
                    "DELETE FROM dead_letters WHERE run = ?1",
                    "DELETE FROM deliveries WHERE run = ?1",
                    "DELETE FROM findings WHERE run = ?1",
                    "DELETE FROM audits WHERE run = ?1",
                ] {
                    t.prepare_cached(sql)?.execute([id(*run)])?;
                }
                let sql = "DELETE FROM runs WHERE id = ?1 AND ended_at IS NOT NULL";
                if t.prepare_cached(sql)?.execute([id(*run)])? == 0 {
                    return Err(impossible(format!("run {run} is not one that has ended")).into());
                }
            }
            Ok(())
        })
    }

    fn purge(&self, run: RunId, purge: &Purge) -> Result<()> {
        self.write(|t| {
            replace_segments(t, run, &purge.segments)?;
            purge.deliveries.iter().try_for_each(|delivery| update_delivery(t, run, delivery))?;
            let sql = "UPDATE dead_letters SET message_id = '', reason = ?4 WHERE run = ?1 AND destination = ?2 AND position = ?3";
            for (destination, position) in &purge.letters {
                t.prepare_cached(sql)?.execute(params![id(run), destination, bits(*position), PURGED])?;
            }
            if let Some(findings) = &purge.findings {
                t.execute("DELETE FROM findings WHERE run = ?1", [id(run)])?;
                insert_findings(t, run, findings)?;
            }
            Ok(())
        })
    }

    fn scrub(&self) -> Result<()> {
        self.rewrite()
    }

    fn forget_segments(&self, run: RunId) -> Result<()> {
        self.write(|t| {
            t.execute("DELETE FROM segments WHERE run = ?1", [id(run)])?;
            t.execute("UPDATE findings SET samples = '[]' WHERE run = ?1", [id(run)])?;
            Ok(())
        })
    }

    fn compared_runs(&self) -> Result<Vec<RunId>> {
        let sql = "SELECT DISTINCT run FROM syncs WHERE run IS NOT NULL ORDER BY run";
        self.read(|c| all(c, sql, [], rows::run_id))
    }
}

fn insert_run(t: &Transaction<'_>, new: &NewRun, key: RunKey, state: RunState) -> Result<RunRecord, Fault> {
    let sql = format!(
        "INSERT INTO runs (key, sync, call_type, state, trigger, pinned, due_at, started_at, replays)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING {RUN}"
    );
    let values = params![
        key.0.to_be_bytes(),
        new.sync,
        new.call_type.name(),
        state.name(),
        new.trigger.name(),
        to_json(&new.pinned),
        new.due_at.as_microsecond(),
        new.started_at.as_microsecond(),
        new.pinned.options.replay.as_ref().map(|replay| id(replay.run)),
    ];
    let record = t.prepare_cached(&sql)?.query_row(values, rows::run)?;
    if new.trigger == Trigger::Schedule {
        fire(t, &new.sync, new.due_at)?;
    }
    Ok(record)
}

fn fire(t: &Transaction<'_>, sync: &str, slot: Timestamp) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO schedules (sync, fired) VALUES (?1, ?2)";
    t.prepare_cached(sql)?.execute(params![sync, slot.as_microsecond()])?;
    Ok(())
}

/// A run without calls has nothing to deliver.
fn end_of_extraction(extraction: &Extraction) -> RunState {
    match extraction.rows.calls {
        _ if extraction.held.is_some() => RunState::AwaitingApproval,
        0 => RunState::Succeeded,
        _ => RunState::Delivering,
    }
}

/// What waits for the release of a held run.
fn take_held(t: &Transaction<'_>, run: RunId) -> Result<(Option<String>, Option<SyncState>), Fault> {
    let sql = "DELETE FROM held WHERE run = ?1 RETURNING next_last_sync_time, moves";
    Ok(one(t, sql, [id(run)], rows::held)?.unwrap_or_default())
}

fn one_run(t: &Transaction<'_>, run: RunId) -> rusqlite::Result<RunRecord> {
    t.prepare_cached(&format!("SELECT {RUN} FROM runs WHERE id = ?1"))?.query_row([id(run)], rows::run)
}

/// Refuses a change of state that touched no run.
fn step(t: &Transaction<'_>, run: RunId, to: RunState, touched: usize) -> Result<(), Fault> {
    if touched == 1 {
        return Ok(());
    }
    let sql = format!("SELECT {RUN} FROM runs WHERE id = ?1");
    Err(impossible(match one(t, &sql, [id(run)], rows::run)? {
        Some(record) => format!("run {run} is {} and cannot become {to}", record.state),
        None => format!("there is no run {run}"),
    })
    .into())
}

fn insert_segments(t: &Transaction<'_>, run: RunId, segments: &[SegmentInfo]) -> Result<(), Fault> {
    let sql = "INSERT INTO segments (run, kind, number, first, entries, bytes, locator)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = t.prepare_cached(sql)?;
    for s in segments {
        let (first, entries, bytes) = (bits(s.first), bits(s.entries), bits(s.bytes));
        let values = params![id(run), kind_name(s.kind), s.number, first, entries, bytes, s.locator];
        insert.execute(values)?;
    }
    Ok(())
}

fn insert_findings(t: &Transaction<'_>, run: RunId, findings: &[FindingCount]) -> Result<(), Fault> {
    let sql =
        "INSERT INTO findings (run, place, code, column_name, rows, samples) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = t.prepare_cached(sql)?;
    for (place, f) in (0_i64..).zip(findings) {
        insert.execute(params![
            id(run),
            place,
            f.code.as_str(),
            f.column,
            bits(f.rows),
            to_json(&f.samples)
        ])?;
    }
    Ok(())
}

/// Puts new segments in the place of old ones.
fn replace_segments(
    t: &Transaction<'_>,
    run: RunId,
    segments: &[(SegmentInfo, SegmentInfo)],
) -> Result<(), Fault> {
    let sql = "DELETE FROM segments WHERE run = ?1 AND kind = ?2 AND number = ?3";
    for (old, _) in segments {
        t.prepare_cached(sql)?.execute(params![id(run), kind_name(old.kind), old.number])?;
    }
    let new: Vec<SegmentInfo> = segments.iter().map(|(_, new)| new.clone()).collect();
    insert_segments(t, run, &new)?;
    let sql = "UPDATE runs SET spool_bytes = (SELECT coalesce(sum(bytes), 0) FROM segments WHERE run = ?1) WHERE id = ?1";
    if !new.is_empty() {
        t.execute(sql, [id(run)])?;
    }
    Ok(())
}

/// Replaces the state of the run's sync.
fn move_sync(t: &Transaction<'_>, run: RunId, state: &SyncState) -> Result<(), Fault> {
    let sql = format!(
        "INSERT OR REPLACE INTO syncs (name, {SYNC}) SELECT sync, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM runs WHERE id = ?1"
    );
    let values = params![
        id(run),
        state.clock_us,
        state.clock_of,
        state.local_clock_us,
        state.first_us,
        state.cursor,
        state.cursor_of,
        state.run.map(id),
        state.fingerprint,
    ];
    t.prepare_cached(&sql)?.execute(values)?;
    Ok(())
}
