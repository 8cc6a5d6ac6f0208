//! Deleting what is not needed any more, or must not be kept.

use std::collections::BTreeSet;

use async_trait::async_trait;
use outflow_core::ports::spool::PURGED;
use outflow_core::ports::state::{Purge, Retention};
use outflow_core::{Result, RunId};

use super::deliveries::update_delivery;
use super::extraction::{forget_segments, insert_findings, replace_segments};
use super::fault::impossible;
use super::handle::PostgresState;
use super::rows::{self, bits, id};
use super::text::escape;
use super::write::Writes;

/// Every table that holds what a purge replaces, or what comes from rows.
const SCRUBBED: &[&str] =
    &["runs", "syncs", "approvals", "segments", "findings", "deliveries", "dead_letters", "alerts", "audits"];

#[async_trait]
impl Retention for PostgresState<Writes> {
    async fn forget_runs(&self, runs: &[RunId]) -> Result<()> {
        let ids = &runs.iter().map(|run| id(*run)).collect::<Vec<i64>>();
        self.write(|t| async move {
            for sql in [
                "UPDATE runs SET skipped_by = NULL WHERE skipped_by = ANY($1)",
                "UPDATE runs SET replays = NULL WHERE replays = ANY($1)",
                "DELETE FROM dead_letters WHERE run = ANY($1)",
                "DELETE FROM deliveries WHERE run = ANY($1)",
                "DELETE FROM findings WHERE run = ANY($1)",
                "DELETE FROM audits WHERE run = ANY($1)",
                "DELETE FROM gaps WHERE last = ANY($1) AND closed_at IS NOT NULL",
            ] {
                t.execute(sql, &[ids]).await?;
            }
            let sql = "DELETE FROM runs WHERE id = ANY($1) AND ended_at IS NOT NULL RETURNING id";
            let gone: BTreeSet<RunId> = t.all(sql, &[ids], rows::run_id).await?.into_iter().collect();
            match runs.iter().find(|run| !gone.contains(run)) {
                Some(run) => Err(impossible(format!("run {run} is not one that has ended"))),
                None => Ok(()),
            }
        })
        .await
    }

    async fn purge(&self, run: RunId, purge: &Purge) -> Result<()> {
        self.write(|t| async move {
            replace_segments(&t, run, &purge.segments).await?;
            for delivery in &purge.deliveries {
                update_delivery(&t, run, delivery).await?;
            }
            let sql = "UPDATE dead_letters SET message_id = '', reason = $4
                       WHERE run = $1 AND destination = $2 AND position = $3";
            for (destination, position) in &purge.letters {
                t.execute(sql, &[&id(run), &escape(destination), &bits(*position), &PURGED]).await?;
            }
            if let Some(findings) = &purge.findings {
                t.execute("DELETE FROM findings WHERE run = $1", &[&id(run)]).await?;
                insert_findings(&t, run, findings).await?;
            }
            Ok(())
        })
        .await
    }

    async fn scrub(&self) -> Result<()> {
        self.rewrite(SCRUBBED).await
    }

    async fn forget_segments(&self, run: RunId) -> Result<()> {
        self.write(|t| async move {
            forget_segments(&t, run).await?;
            t.execute("UPDATE findings SET samples = '[]' WHERE run = $1", &[&id(run)]).await?;
            Ok(())
        })
        .await
    }
}
