//! The steps of a run's life, and schedules: one method, one transaction.

use std::sync::Arc;

use async_trait::async_trait;
use outflow_core::ports::spool::SegmentInfo;
use outflow_core::ports::state::{Extraction, Gap, NewRun, Runs, Schedules, SyncState, run_key};
use outflow_core::rules::{self, Committed, Spent};
use outflow_core::run::{FindingCount, RunTrigger};
use outflow_core::{Code, Result, RunId, RunKey, RunRecord, RunState, Timestamp, hash};
use rusqlite::{Transaction, params};

use super::Sqlite;
use super::connection::Writer;
use super::deliveries::{insert_deliveries, mark_replayed, update_delivery};
use super::errors::{Fault, impossible};
use super::gaps::{change_gaps, compared_with, explain_gaps, fill_gaps, membership, open_gaps, settle_gaps};
use super::queries::{deliveries, run_record, sync};
use super::rows::{self, APPROVAL_INTACT, SYNC, kind_name, to_json};
use super::sql::{all, bits, id, one};

#[async_trait]
impl Runs for Sqlite<Writer> {
    async fn create_run(&self, new: &NewRun) -> Result<RunRecord> {
        let (new, key) = (new.clone(), run_key(self.writer.installation, hash::random()?));
        self.writer.write(move |t| insert_run(t, &new, key, RunState::Queued)).await
    }

    async fn skip_run(&self, new: &NewRun, by: Option<RunId>, reason: &(Code, String)) -> Result<RunRecord> {
        let key = run_key(self.writer.installation, hash::random()?);
        let (new, reason) = (new.clone(), reason.clone());
        let write = move |t: &Transaction<'_>| {
            let run = insert_run(t, &new, key, RunState::Skipped)?.id;
            let sql = "UPDATE runs SET ended_at = ?2, skipped_by = ?3, reason_code = ?4, reason = ?5
                       WHERE id = ?1";
            let at = new.started_at.as_microsecond();
            let values = params![id(run), at, by.map(id), reason.0.as_str(), reason.1];
            t.prepare_cached(sql)?.execute(values)?;
            known(t, run)
        };
        self.writer.write(write).await
    }

    async fn begin_extraction(&self, run: RunId, clock: Timestamp, last_sync_time: &str) -> Result<RunKey> {
        let key = run_key(self.writer.installation, hash::random()?);
        let last_sync_time = last_sync_time.to_owned();
        let write = move |t: &Transaction<'_>| {
            step(t, run, RunState::Extracting)?;
            let sql = "UPDATE runs SET state = 'extracting', clock = ?2, last_sync_time = ?3, key = ?4
                       WHERE id = ?1";
            let values = params![id(run), clock.as_microsecond(), last_sync_time, key.0.to_be_bytes()];
            t.prepare_cached(sql)?.execute(values)?;
            Ok(key)
        };
        self.writer.write(write).await
    }

    async fn commit_extraction(&self, run: RunId, extraction: &Extraction) -> Result<RunState> {
        let extraction = Arc::new(extraction.clone());
        self.writer.write(move |t| commit(t, run, &extraction)).await
    }

    async fn approve(&self, run: RunId, at: Timestamp) -> Result<RunState> {
        let write = move |t: &Transaction<'_>| {
            let record = known(t, run)?;
            let state = rules::approved(&record.rows);
            rules::check_approval(run, record.state, state)?;
            let (next, update) = take_approval(t, run)?;
            let sql = "UPDATE runs SET state = ?2, ended_at = ?3, next_last_sync_time = ?4,
                       reason_code = NULL, reason = NULL WHERE id = ?1";
            let ended_at = state.is_final().then_some(at.as_microsecond());
            t.prepare_cached(sql)?.execute(params![id(run), state.name(), ended_at, next])?;
            if let Some(update) = &update {
                move_sync(t, &record, update)?;
            }
            settle_gaps(t, run, Some(at))?;
            let compared_with = compared_with(t, run)?.flatten();
            leave_out(t, &record, (record.rows.calls, compared_with, at))?;
            Ok(state)
        };
        self.writer.write(write).await
    }

    async fn reject(&self, run: RunId, at: Timestamp, skip_window: bool) -> Result<()> {
        let write = move |t: &Transaction<'_>| {
            let record = step(t, run, RunState::Rejected)?;
            let (next, update) = take_approval(t, run)?;
            let sql =
                "UPDATE runs SET state = 'rejected', ended_at = ?2, next_last_sync_time = ?3 WHERE id = ?1";
            let values = params![id(run), at.as_microsecond(), next.filter(|_| skip_window)];
            t.prepare_cached(sql)?.execute(values)?;
            for mut delivery in deliveries(t, run)? {
                rules::reject_delivery(&mut delivery);
                update_delivery(t, run, &delivery)?;
            }
            t.execute("DELETE FROM segments WHERE run = ?1", [id(run)])?;
            settle_gaps(t, run, skip_window.then_some(at))?;
            match update.filter(|_| skip_window) {
                Some(update) => move_sync(t, &record, &rules::skipped_window(update)),
                None => Ok(()),
            }
        };
        self.writer.write(write).await
    }

    async fn conclude(&self, run: RunId, at: Timestamp) -> Result<Option<RunState>> {
        let write = move |t: &Transaction<'_>| {
            let found = run_record(t, run)?.filter(|r| r.state == RunState::Delivering);
            let Some(found) = found else { return Ok(None) };
            let states = deliveries(t, run)?.into_iter().map(|d| d.state);
            let Some(end) = rules::conclude(&found.rows, states) else { return Ok(None) };
            let sql = "UPDATE runs SET state = ?2, ended_at = ?3 WHERE id = ?1";
            t.prepare_cached(sql)?.execute(params![id(run), end.name(), at.as_microsecond()])?;
            Ok(Some(end))
        };
        self.writer.write(write).await
    }

    async fn end_run(
        &self,
        run: RunId,
        state: RunState,
        at: Timestamp,
        reason: Option<(Code, String)>,
        begun: Option<&SyncState>,
    ) -> Result<()> {
        let begun = begun.cloned();
        let write = move |t: &Transaction<'_>| {
            let record = known(t, run)?;
            rules::check_end(run, record.state, state)?;
            end(t, run, state, at, reason.as_ref())?;
            if let Some(why) =
                reason.as_ref().filter(|_| rules::is_unfillable(&record, state, reason.as_ref()))
            {
                explain_gaps(t, &record, why)?;
            }
            begun.as_ref().map_or(Ok(()), |begun| set_sync(t, &record.sync, begun))
        };
        self.writer.write(write).await
    }

    async fn lose_run(&self, run: RunId, at: Timestamp, reason: &(Code, String)) -> Result<Vec<Gap>> {
        let reason = reason.clone();
        let write = move |t: &Transaction<'_>| {
            let record = step(t, run, RunState::Lost)?;
            end(t, run, RunState::Lost, at, Some(&reason))?;
            let sql = "UPDATE dead_letters SET replayed_by = NULL WHERE replayed_by = ?1";
            t.prepare_cached(sql)?.execute([id(run)])?;
            let compared_with = compared_with(t, run)?.flatten();
            open_gaps(t, rules::missing_after_loss(&record, &deliveries(t, run)?, compared_with, at))
        };
        self.writer.write(write).await
    }
}

/// Writes the end of a run. The gaps that it was to fill are to be filled again.
fn end(
    t: &Transaction<'_>,
    run: RunId,
    state: RunState,
    at: Timestamp,
    reason: Option<&(Code, String)>,
) -> Result<(), Fault> {
    let sql = "UPDATE runs SET state = ?2, ended_at = ?3, reason_code = ?4, reason = ?5 WHERE id = ?1";
    let (code, reason) = reason.map(|(code, reason)| (code.as_str(), reason)).unzip();
    t.prepare_cached(sql)?.execute(params![id(run), state.name(), at.as_microsecond(), code, reason])?;
    t.prepare_cached("DELETE FROM approvals WHERE run = ?1")?.execute([id(run)])?;
    settle_gaps(t, run, None)
}

#[async_trait]
impl Schedules for Sqlite<Writer> {
    async fn set_fired(&self, sync: &str, slot: Timestamp) -> Result<()> {
        let sync = sync.to_owned();
        self.writer.write(move |t| fire(t, &sync, slot)).await
    }
}

fn insert_run(t: &Transaction<'_>, new: &NewRun, key: RunKey, state: RunState) -> Result<RunRecord, Fault> {
    let sql = "INSERT INTO runs
               (key, sync, call_type, state, trigger, spec, due_at, started_at, replays, kind)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values = params![
        key.0.to_be_bytes(),
        new.sync,
        new.call_type.name(),
        state.name(),
        new.trigger.name(),
        to_json(&new.spec),
        new.due_at.as_microsecond(),
        new.started_at.as_microsecond(),
        new.spec.options.replay().map(|replay| id(replay.run)),
        new.spec.options.kind.name(),
    ];
    // A row is read only after its trigger has set its checksum.
    let inserted = t.prepare_cached(sql)?.insert(values)?;
    let record = known(t, RunId(inserted.cast_unsigned()))?;
    if new.trigger == RunTrigger::Schedule {
        fire(t, &new.sync, new.due_at)?;
    }
    Ok(record)
}

fn fire(t: &Transaction<'_>, sync: &str, slot: Timestamp) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO schedules (sync, fired) VALUES (?1, ?2)";
    t.prepare_cached(sql)?.execute(params![sync, slot.as_microsecond()])?;
    Ok(())
}

fn commit(t: &Transaction<'_>, run: RunId, extraction: &Extraction) -> Result<RunState, Fault> {
    let record = known(t, run)?;
    let spent = match rules::has_budget(&record.spec, &extraction.budgets) {
        true => Some(spent(t, extraction.at)?),
        false => None,
    };
    let Committed { state, objection } = rules::commit_extraction(&record, extraction, spent.as_ref())?;
    let sql = "UPDATE runs SET state = ?2, extracted_at = ?3, ended_at = ?4, rows_read = ?5, calls = ?6,
               rejected = ?7, unchanged = ?8, spool_bytes = ?9, next_last_sync_time = ?10, columns = ?11,
               reason_code = ?12, reason = ?13, compared_with = ?14, rejected_again = ?15 WHERE id = ?1";
    let (at, counts) = (extraction.at.as_microsecond(), &extraction.rows);
    let next = extraction.next_last_sync_time.as_ref();
    let values = params![
        id(run),
        state.name(),
        at,
        state.is_final().then_some(at),
        bits(counts.read),
        bits(counts.calls),
        bits(counts.rejected),
        bits(counts.unchanged),
        bits(extraction.segments.iter().map(|s| s.bytes).sum()),
        next.filter(|_| objection.is_none()),
        to_json(&extraction.columns),
        objection.as_ref().map(|o| o.0.as_str()),
        objection.as_ref().map(|o| &o.1),
        extraction.compared_with.map(id),
        bits(counts.rejected_again),
    ];
    t.prepare_cached(sql)?.execute(values)?;
    insert_segments(t, run, &extraction.segments)?;
    insert_findings(t, run, &extraction.findings)?;
    insert_deliveries(t, run, &rules::new_deliveries(&record.spec, counts.calls))?;
    if let Some(replayed) = &extraction.replayed {
        mark_replayed(t, run, replayed)?;
    }
    let closes = (state != RunState::AwaitingApproval).then_some(extraction.at);
    fill_gaps(t, &extraction.fills, run, closes)?;
    let new = open_gaps(t, extraction.fills_new.clone())?;
    fill_gaps(t, &new.iter().map(|gap| gap.id).collect::<Vec<_>>(), run, closes)?;
    let update = extraction.watermark_update.as_ref();
    if state == RunState::AwaitingApproval {
        let sql = "INSERT INTO approvals (run, next_last_sync_time, watermark_update) VALUES (?1, ?2, ?3)";
        t.prepare_cached(sql)?.execute(params![id(run), next, update.map(to_json)])?;
        return Ok(state);
    }
    leave_out(t, &record, (counts.calls, extraction.compared_with, extraction.at))?;
    if let Some(update) = update {
        move_sync(t, &record, update)?;
    }
    Ok(state)
}

/// Opens and changes the gaps of destinations that a run does not reach, from the moment at which
/// its calls begin to be delivered to the others.
fn leave_out(
    t: &Transaction<'_>,
    run: &RunRecord,
    (calls, compared_with, at): (u64, Option<RunId>, Timestamp),
) -> Result<(), Fault> {
    if !run.spec.options.is_incremental() {
        return Ok(());
    }
    let membership = membership(t, &run.sync, run.id)?;
    open_gaps(t, rules::missing_where_left_out(run, calls, compared_with, at, &membership))?;
    change_gaps(t, rules::change_members(run, calls, compared_with, at, &membership), (run.id, calls, at))
}

/// Changes the state of a run's sync as its extraction says.
fn move_sync(t: &Transaction<'_>, run: &RunRecord, update: &SyncState) -> Result<(), Fault> {
    let now = sync(t, &run.sync)?;
    set_sync(t, &run.sync, &rules::sync_after(run, now, update.clone()))
}

/// What budgets are compared with.
fn spent(t: &Transaction<'_>, at: Timestamp) -> Result<Spent, Fault> {
    let today = rules::day(at);
    let sql = "SELECT NULL, sync, destination, sum(pending) FROM runs JOIN deliveries ON run = runs.id
               WHERE ended_at IS NULL AND runs.state = 'delivering' GROUP BY sync, destination";
    let mut entries = all(t, sql, [], rows::spent)?;
    let sql = "SELECT day, sync, destination, sum(delivered + dead_letters) FROM usage
               WHERE day BETWEEN ?1 AND ?2 GROUP BY day, sync, destination";
    let month = [today.first_of_month().to_string(), today.to_string()];
    entries.extend(all(t, sql, month, rows::spent)?);
    Ok(Spent { today, entries })
}

/// What waited for the approval of a run.
fn take_approval(t: &Transaction<'_>, run: RunId) -> Result<(Option<String>, Option<SyncState>), Fault> {
    let sql = format!(
        "SELECT next_last_sync_time, watermark_update, {APPROVAL_INTACT} FROM approvals WHERE run = ?1"
    );
    let taken = one(t, &sql, [id(run)], rows::approval)?.unwrap_or_default();
    t.prepare_cached("DELETE FROM approvals WHERE run = ?1")?.execute([id(run)])?;
    Ok(taken)
}

/// The run, unless its life does not have a step to this state.
fn step(t: &Transaction<'_>, run: RunId, to: RunState) -> Result<RunRecord, Fault> {
    let record = known(t, run)?;
    rules::check_step(run, record.state, to)?;
    Ok(record)
}

fn known(t: &Transaction<'_>, run: RunId) -> Result<RunRecord, Fault> {
    run_record(t, run)?.ok_or_else(|| impossible(format!("there is no run {run}")).into())
}

pub(super) fn insert_segments(
    t: &Transaction<'_>,
    run: RunId,
    segments: &[SegmentInfo],
) -> Result<(), Fault> {
    let sql = "INSERT INTO segments (run, kind, number, first, entries, bytes, locator)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = t.prepare_cached(sql)?;
    for s in segments {
        let (first, entries, bytes) = (bits(s.first), bits(s.entries), bits(s.bytes));
        insert.execute(params![id(run), kind_name(s.kind), s.number, first, entries, bytes, s.locator])?;
    }
    Ok(())
}

pub(super) fn insert_findings(
    t: &Transaction<'_>,
    run: RunId,
    findings: &[FindingCount],
) -> Result<(), Fault> {
    let sql =
        "INSERT INTO findings (run, place, code, column_name, rows, samples) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = t.prepare_cached(sql)?;
    for (place, f) in (0_i64..).zip(findings) {
        let values = params![id(run), place, f.code.as_str(), f.column, bits(f.rows), to_json(&f.samples)];
        insert.execute(values)?;
    }
    Ok(())
}

/// Replaces the state of a sync.
fn set_sync(t: &Transaction<'_>, name: &str, state: &SyncState) -> Result<(), Fault> {
    let sql = format!(
        "INSERT OR REPLACE INTO syncs (name, {SYNC})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    );
    let SyncState { watermark, cursor, baseline } = state;
    let (watermark, cursor, baseline) = (watermark.as_ref(), cursor.as_ref(), baseline.as_ref());
    let uptime = watermark.and_then(|w| w.uptime.as_ref());
    let values = params![
        name,
        watermark.map(|w| w.clock_us),
        watermark.and_then(|w| w.clock_of.as_ref()),
        watermark.and_then(|w| w.local_clock_us),
        watermark.and_then(|w| w.first_us),
        cursor.map(|c| &c.value),
        cursor.and_then(|c| c.column.as_ref()),
        baseline.map(|b| id(b.run)),
        baseline.and_then(|b| b.fingerprint.as_ref()),
        uptime.map(|u| &u.boot),
        uptime.map(|u| u.us),
        watermark.and_then(|w| w.begin_us),
        watermark.and_then(|w| w.begin_for_us),
        watermark.and_then(|w| w.next_us),
        watermark.and_then(|w| w.open_us),
        cursor.and_then(|c| c.next.as_ref()),
        cursor.filter(|c| !c.history.is_empty()).map(|c| to_json(&c.history)),
    ];
    t.prepare_cached(&sql)?.execute(values)?;
    Ok(())
}
