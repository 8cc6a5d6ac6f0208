//! Deleting and replacing.

use async_trait::async_trait;
use outflow_core::ports::spool::{PURGED, SegmentInfo};
use outflow_core::ports::state::{Purge, Retention};
use outflow_core::{Result, RunId};
use rusqlite::{Transaction, params};

use super::Sqlite;
use super::connection::Writer;
use super::deliveries::update_delivery;
use super::errors::{Fault, impossible};
use super::rows::kind_name;
use super::runs::{insert_findings, insert_segments};
use super::sql::{bits, id};

#[async_trait]
impl Retention for Sqlite<Writer> {
    async fn forget_runs(&self, runs: &[RunId]) -> Result<()> {
        let runs = runs.to_vec();
        self.writer.write(move |t| runs.iter().try_for_each(|run| forget_run(t, *run))).await
    }

    async fn purge(&self, run: RunId, purge: &Purge) -> Result<()> {
        let purge = purge.clone();
        let write = move |t: &Transaction<'_>| {
            replace_segments(t, run, &purge.segments)?;
            purge.deliveries.iter().try_for_each(|delivery| update_delivery(t, run, delivery))?;
            let sql = "UPDATE dead_letters SET message_id = '', reason = ?4
                       WHERE run = ?1 AND destination = ?2 AND position = ?3";
            for (destination, position) in &purge.letters {
                t.prepare_cached(sql)?.execute(params![id(run), destination, bits(*position), PURGED])?;
            }
            if let Some(findings) = &purge.findings {
                t.execute("DELETE FROM findings WHERE run = ?1", [id(run)])?;
                insert_findings(t, run, findings)?;
            }
            Ok(())
        };
        self.writer.write(write).await
    }

    async fn scrub(&self) -> Result<()> {
        self.writer.rewrite().await
    }

    async fn forget_segments(&self, run: RunId) -> Result<()> {
        let write = move |t: &Transaction<'_>| {
            t.execute("DELETE FROM segments WHERE run = ?1", [id(run)])?;
            t.execute("UPDATE findings SET samples = '[]' WHERE run = ?1", [id(run)])?;
            Ok(())
        };
        self.writer.write(write).await
    }
}

fn forget_run(t: &Transaction<'_>, run: RunId) -> Result<(), Fault> {
    for sql in [
        "UPDATE runs SET skipped_by = NULL WHERE skipped_by = ?1",
        "UPDATE runs SET replays = NULL WHERE replays = ?1",
        "DELETE FROM dead_letters WHERE run = ?1",
        "DELETE FROM deliveries WHERE run = ?1",
        "DELETE FROM findings WHERE run = ?1",
        "DELETE FROM audits WHERE run = ?1",
        "DELETE FROM gaps WHERE last = ?1 AND closed_at IS NOT NULL",
    ] {
        t.prepare_cached(sql)?.execute([id(run)])?;
    }
    let sql = "DELETE FROM runs WHERE id = ?1 AND ended_at IS NOT NULL";
    if t.prepare_cached(sql)?.execute([id(run)])? == 0 {
        return Err(impossible(format!("run {run} is not one that has ended")).into());
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
    let sql = "UPDATE runs SET spool_bytes = (SELECT coalesce(sum(bytes), 0) FROM segments WHERE run = ?1)
               WHERE id = ?1";
    if !new.is_empty() {
        t.execute(sql, [id(run)])?;
    }
    Ok(())
}
