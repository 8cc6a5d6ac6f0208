//! The steps of a run's life. What a step changes is what [`outflow_core::rules`] says.

use std::sync::Arc;

use async_trait::async_trait;
use outflow_core::ports::state::{Extraction, Gap, NewRun, Runs, Schedules, SyncState, run_key};
use outflow_core::rules::{self, Spent};
use outflow_core::run::RunTrigger;
use outflow_core::{Code, Result, RunId, RunKey, RunRecord, RunState, Timestamp, hash};

use super::deliveries::{insert_deliveries, load_deliveries, mark_replayed, update_delivery};
use super::extraction::{forget_segments, insert_findings, insert_segments};
use super::fault::{Fault, impossible, unreadable};
use super::gaps::{
    change_gaps, explain_gaps, fill_gaps, load_compared_with, load_membership, open_gaps, settle_gaps,
};
use super::handle::PostgresState;
use super::rows::{self, Cells, RUN, SYNC, bits, id, to_json};
use super::session::Session;
use super::text::escape;
use super::write::Writes;

#[async_trait]
impl Runs for PostgresState<Writes> {
    async fn create_run(&self, new: &NewRun) -> Result<RunRecord> {
        let key = run_key(self.writes.claim.installation, hash::random()?);
        self.write(|t| async move { insert_run(&t, new, key, RunState::Queued).await }).await
    }

    async fn skip_run(&self, new: &NewRun, by: Option<RunId>, reason: &(Code, String)) -> Result<RunRecord> {
        let key = run_key(self.writes.claim.installation, hash::random()?);
        self.write(|t| async move {
            let run = insert_run(&t, new, key, RunState::Skipped).await?.id;
            let sql = "UPDATE runs SET ended_at = $2, skipped_by = $3, reason_code = $4, reason = $5
                       WHERE id = $1";
            let (at, by, text) = (new.started_at.as_microsecond(), by.map(id), escape(&reason.1));
            t.execute(sql, &[&id(run), &at, &by, &reason.0.as_str(), &text]).await?;
            load_run(&t, run).await
        })
        .await
    }

    async fn begin_extraction(&self, run: RunId, clock: Timestamp, last_sync_time: &str) -> Result<RunKey> {
        let key = run_key(self.writes.claim.installation, hash::random()?);
        self.write(|t| async move {
            let found = load_run(&t, run).await?;
            rules::check_step(run, found.state, RunState::Extracting)?;
            let sql = "UPDATE runs SET state = 'extracting', clock = $2, last_sync_time = $3, key = $4
                       WHERE id = $1";
            let bytes = key.0.to_be_bytes();
            t.execute(sql, &[&id(run), &clock.as_microsecond(), &escape(last_sync_time), &bytes.as_slice()])
                .await?;
            Ok(key)
        })
        .await
    }

    async fn commit_extraction(&self, run: RunId, extraction: &Extraction) -> Result<RunState> {
        self.write(|t| async move { commit_extraction(&t, run, extraction).await }).await
    }

    async fn approve(&self, run: RunId, at: Timestamp) -> Result<RunState> {
        self.write(|t| async move {
            let found = load_run(&t, run).await?;
            let state = rules::approved(&found.rows);
            rules::check_approval(run, found.state, state)?;
            let (next, update) = take_approval(&t, run).await?;
            let ended_at = state.is_final().then(|| at.as_microsecond());
            let sql = "UPDATE runs SET state = $2, ended_at = $3, next_last_sync_time = $4,
                       reason_code = NULL, reason = NULL WHERE id = $1";
            t.execute(sql, &[&id(run), &state.name(), &ended_at, &next.as_deref().map(escape)]).await?;
            if let Some(update) = &update {
                move_sync(&t, &found, update).await?;
            }
            settle_gaps(&t, run, Some(at)).await?;
            let compared = load_compared_with(&t, run).await?;
            leave_out(&t, &found, (found.rows.calls, compared, at)).await?;
            Ok(state)
        })
        .await
    }

    async fn reject(&self, run: RunId, at: Timestamp, skip_window: bool) -> Result<()> {
        self.write(|t| async move {
            let found = load_run(&t, run).await?;
            rules::check_step(run, found.state, RunState::Rejected)?;
            let (next, update) = take_approval(&t, run).await?;
            let next = next.filter(|_| skip_window);
            let sql = "UPDATE runs SET state = 'rejected', ended_at = $2, next_last_sync_time = $3
                       WHERE id = $1";
            t.execute(sql, &[&id(run), &at.as_microsecond(), &next.as_deref().map(escape)]).await?;
            for mut delivery in load_deliveries(&t, run).await? {
                rules::reject_delivery(&mut delivery);
                update_delivery(&t, run, &delivery).await?;
            }
            forget_segments(&t, run).await?;
            settle_gaps(&t, run, skip_window.then_some(at)).await?;
            match update.filter(|_| skip_window) {
                Some(update) => move_sync(&t, &found, &rules::skipped_window(update)).await,
                None => Ok(()),
            }
        })
        .await
    }

    async fn conclude(&self, run: RunId, at: Timestamp) -> Result<Option<RunState>> {
        self.write(|t| async move {
            let found = find_run(&t, run).await?.filter(|r| r.state == RunState::Delivering);
            let Some(found) = found else { return Ok(None) };
            let states = load_deliveries(&t, run).await?.into_iter().map(|delivery| delivery.state);
            let Some(end) = rules::conclude(&found.rows, states) else { return Ok(None) };
            let sql = "UPDATE runs SET state = $2, ended_at = $3 WHERE id = $1";
            t.execute(sql, &[&id(run), &end.name(), &at.as_microsecond()]).await?;
            Ok(Some(end))
        })
        .await
    }

    async fn end_run(
        &self,
        run: RunId,
        state: RunState,
        at: Timestamp,
        reason: Option<(Code, String)>,
        begun: Option<&SyncState>,
    ) -> Result<()> {
        let reason = &reason;
        self.write(|t| async move {
            let found = load_run(&t, run).await?;
            rules::check_end(run, found.state, state)?;
            end(&t, run, state, at, reason.as_ref()).await?;
            if let Some(why) =
                reason.as_ref().filter(|_| rules::is_unfillable(&found, state, reason.as_ref()))
            {
                explain_gaps(&t, &found, why).await?;
            }
            match begun {
                Some(begun) => set_sync(&t, &found.sync, begun).await,
                None => Ok(()),
            }
        })
        .await
    }

    async fn lose_run(&self, run: RunId, at: Timestamp, reason: &(Code, String)) -> Result<Vec<Gap>> {
        self.write(|t| async move {
            let found = load_run(&t, run).await?;
            rules::check_step(run, found.state, RunState::Lost)?;
            end(&t, run, RunState::Lost, at, Some(reason)).await?;
            let sql = "UPDATE dead_letters SET replayed_by = NULL WHERE replayed_by = $1";
            t.execute(sql, &[&id(run)]).await?;
            let (deliveries, compared) =
                (load_deliveries(&t, run).await?, load_compared_with(&t, run).await?);
            open_gaps(&t, rules::missing_after_loss(&found, &deliveries, compared, at)).await
        })
        .await
    }
}

/// Writes the end of a run. The gaps that it was to fill are to be filled again.
async fn end(
    t: &Session,
    run: RunId,
    state: RunState,
    at: Timestamp,
    reason: Option<&(Code, String)>,
) -> Result<(), Fault> {
    let sql = "UPDATE runs SET state = $2, ended_at = $3, reason_code = $4, reason = $5 WHERE id = $1";
    let (code, text) = reason.map(|r| (r.0.as_str(), escape(&r.1))).unzip();
    t.execute(sql, &[&id(run), &state.name(), &at.as_microsecond(), &code, &text]).await?;
    t.execute("DELETE FROM approvals WHERE run = $1", &[&id(run)]).await?;
    settle_gaps(t, run, None).await
}

#[async_trait]
impl Schedules for PostgresState<Writes> {
    async fn set_fired(&self, sync: &str, slot: Timestamp) -> Result<()> {
        self.write(|t| async move { fire(&t, sync, slot).await }).await
    }
}

async fn commit_extraction(t: &Arc<Session>, run: RunId, extraction: &Extraction) -> Result<RunState, Fault> {
    let found = load_run(t, run).await?;
    let spent = match rules::has_budget(&found.spec, &extraction.budgets) {
        true => Some(load_spent(t, extraction.at).await?),
        false => None,
    };
    let committed = rules::commit_extraction(&found, extraction, spent.as_ref())?;
    let (at, counts) = (extraction.at.as_microsecond(), &extraction.rows);
    let awaits_approval = committed.state == RunState::AwaitingApproval;
    let ended_at = committed.state.is_final().then_some(at);
    let next = extraction.next_last_sync_time.as_deref().map(escape);
    let next_now = next.as_ref().filter(|_| !awaits_approval);
    let (code, reason) = committed.objection.as_ref().map(|o| (o.0.as_str(), escape(&o.1))).unzip();
    let spool_bytes = bits(extraction.segments.iter().map(|s| s.bytes).sum());
    let sql = "UPDATE runs SET state = $2, extracted_at = $3, ended_at = $4, rows_read = $5, calls = $6,
               rejected = $7, unchanged = $8, spool_bytes = $9, next_last_sync_time = $10, columns = $11,
               reason_code = $12, reason = $13, compared_with = $14, rejected_again = $15 WHERE id = $1";
    t.execute(
        sql,
        &[
            &id(run),
            &committed.state.name(),
            &at,
            &ended_at,
            &bits(counts.read),
            &bits(counts.calls),
            &bits(counts.rejected),
            &bits(counts.unchanged),
            &spool_bytes,
            &next_now,
            &to_json(&extraction.columns),
            &code,
            &reason,
            &extraction.compared_with.map(id),
            &bits(counts.rejected_again),
        ],
    )
    .await?;
    insert_segments(t, run, &extraction.segments).await?;
    insert_findings(t, run, &extraction.findings).await?;
    insert_deliveries(t, run, &rules::new_deliveries(&found.spec, counts.calls)).await?;
    if let Some(replayed) = &extraction.replayed {
        mark_replayed(t, run, replayed).await?;
    }
    let closes = (!awaits_approval).then_some(extraction.at);
    fill_gaps(t, &extraction.fills, run, closes).await?;
    let new = open_gaps(t, extraction.fills_new.clone()).await?;
    fill_gaps(t, &new.iter().map(|gap| gap.id).collect::<Vec<_>>(), run, closes).await?;
    let update = extraction.watermark_update.as_ref();
    if awaits_approval {
        let sql = "INSERT INTO approvals (run, next_last_sync_time, watermark_update) VALUES ($1, $2, $3)";
        t.execute(sql, &[&id(run), &next, &update.map(to_json)]).await?;
        return Ok(committed.state);
    }
    leave_out(t, &found, (counts.calls, extraction.compared_with, extraction.at)).await?;
    if let Some(update) = update {
        move_sync(t, &found, update).await?;
    }
    Ok(committed.state)
}

/// Opens and changes the gaps of destinations that a run does not reach, from the moment at which
/// its calls begin to be delivered to the others.
async fn leave_out(
    t: &Session,
    run: &RunRecord,
    (calls, compared, at): (u64, Option<RunId>, Timestamp),
) -> Result<(), Fault> {
    if !run.spec.options.is_incremental() {
        return Ok(());
    }
    let membership = load_membership(t, &run.sync, id(run.id)).await?;
    open_gaps(t, rules::missing_where_left_out(run, calls, compared, at, &membership)).await?;
    let changes = rules::change_members(run, calls, compared, at, &membership);
    change_gaps(t, changes, (run.id, calls, at)).await
}

/// Changes the state of a run's sync as its extraction says.
async fn move_sync(t: &Session, run: &RunRecord, update: &SyncState) -> Result<(), Fault> {
    let sql = format!("SELECT {SYNC}, intact('syncs', to_jsonb(syncs)) FROM syncs WHERE name = $1");
    let now = t.one(&sql, &[&escape(&run.sync)]).await?.as_ref().map(rows::sync).transpose()?;
    set_sync(t, &run.sync, &rules::sync_after(run, now.unwrap_or_default(), update.clone())).await
}

/// What budgets are compared with. Every write locks the claim, so nothing of it changes before the
/// commit.
async fn load_spent(t: &Session, at: Timestamp) -> Result<Spent, Fault> {
    let today = rules::day(at);
    let sql = "SELECT day, sync, destination, sum(delivered + dead_letters)::bigint FROM usage
               WHERE day BETWEEN $1 AND $2 GROUP BY day, sync, destination
               UNION ALL
               SELECT NULL, sync, destination, sum(pending)::bigint FROM runs JOIN deliveries ON run = runs.id
               WHERE ended_at IS NULL AND runs.state = 'delivering' GROUP BY sync, destination";
    let days = (today.first_of_month().to_string(), today.to_string());
    let entries = t
        .all(sql, &[&days.0, &days.1], |row| {
            let mut c = Cells::of(row);
            let day = c.get::<Option<&str>>()?.map(str::parse).transpose();
            let day = day.map_err(|_| unreadable("a day of usage that is none"))?;
            Ok((day, c.text()?, c.text()?, c.unsigned()?))
        })
        .await?;
    Ok(Spent { today, entries })
}

async fn insert_run(t: &Session, new: &NewRun, key: RunKey, state: RunState) -> Result<RunRecord, Fault> {
    // A sequence would leave gaps where a transaction is undone.
    let next = "UPDATE installation SET last_run = last_run + 1 RETURNING last_run";
    let row = t.one(next, &[]).await?.ok_or_else(|| unreadable("no installation"))?;
    let number = rows::run_id(&row)?;
    let sql = "INSERT INTO runs
               (id, key, sync, call_type, state, trigger, spec, due_at, started_at, replays, kind)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let (due_at, started_at) = (new.due_at.as_microsecond(), new.started_at.as_microsecond());
    let replays = new.spec.options.replay().map(|replay| id(replay.run));
    t.execute(
        sql,
        &[
            &id(number),
            &key.0.to_be_bytes().as_slice(),
            &escape(&new.sync),
            &new.call_type.name(),
            &state.name(),
            &new.trigger.name(),
            &to_json(&new.spec),
            &due_at,
            &started_at,
            &replays,
            &new.spec.options.kind.name(),
        ],
    )
    .await?;
    if new.trigger == RunTrigger::Schedule {
        fire(t, &new.sync, new.due_at).await?;
    }
    load_run(t, number).await
}

async fn fire(t: &Session, sync: &str, slot: Timestamp) -> Result<(), Fault> {
    let sql = "INSERT INTO schedules (sync, fired) VALUES ($1, $2)
               ON CONFLICT (sync) DO UPDATE SET fired = excluded.fired";
    t.execute(sql, &[&escape(sync), &slot.as_microsecond()]).await?;
    Ok(())
}

/// What waits for the approval of a run.
async fn take_approval(t: &Session, run: RunId) -> Result<(Option<String>, Option<SyncState>), Fault> {
    let sql = "DELETE FROM approvals WHERE run = $1 RETURNING next_last_sync_time, watermark_update";
    let Some(row) = t.one(sql, &[&id(run)]).await? else { return Ok((None, None)) };
    let mut c = Cells::of(&row);
    Ok((c.optional_text()?, c.optional_json()?))
}

async fn find_run(t: &Session, run: RunId) -> Result<Option<RunRecord>, Fault> {
    let row = t.one(&format!("SELECT {RUN} FROM runs WHERE id = $1"), &[&id(run)]).await?;
    row.as_ref().map(rows::run).transpose()
}

async fn load_run(t: &Session, run: RunId) -> Result<RunRecord, Fault> {
    find_run(t, run).await?.ok_or_else(|| impossible(format!("there is no run {run}")))
}

/// Replaces the state of a sync.
async fn set_sync(t: &Session, sync: &str, state: &SyncState) -> Result<(), Fault> {
    let sql = format!(
        "INSERT INTO syncs (name, {SYNC}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
         $14, $15, $16, $17)
         ON CONFLICT (name) DO UPDATE SET ({SYNC}) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
         $14, $15, $16, $17)"
    );
    let (watermark, cursor, baseline) =
        (state.watermark.as_ref(), state.cursor.as_ref(), state.baseline.as_ref());
    let uptime = watermark.and_then(|w| w.uptime.as_ref());
    t.execute(
        &sql,
        &[
            &escape(sync),
            &watermark.map(|w| w.clock_us),
            &watermark.and_then(|w| w.clock_of.as_deref()).map(escape),
            &watermark.and_then(|w| w.local_clock_us),
            &watermark.and_then(|w| w.first_us),
            &cursor.map(|c| escape(&c.value)),
            &cursor.and_then(|c| c.column.as_deref()).map(escape),
            &baseline.map(|b| id(b.run)),
            &baseline.and_then(|b| b.fingerprint.as_deref()).map(escape),
            &uptime.map(|u| escape(&u.boot)),
            &uptime.map(|u| u.us),
            &watermark.and_then(|w| w.begin_us),
            &watermark.and_then(|w| w.begin_for_us),
            &watermark.and_then(|w| w.next_us),
            &watermark.and_then(|w| w.open_us),
            &cursor.and_then(|c| c.next.as_deref()).map(escape),
            &cursor.filter(|c| !c.history.is_empty()).map(|c| to_json(&c.history)),
        ],
    )
    .await?;
    Ok(())
}
