//! Proving promise 1 for a run: what the segments hold, recounted against what the state says.

use outflow_core::ports::spool::SegmentInfo;
use outflow_core::ports::state::DeliveryRecord;
use outflow_core::{Result, RunId, RunRecord, RunState};
use serde::{Deserialize, Serialize};

use crate::RunReader;
use crate::pages::DeadLetterPages;
use crate::report::{FORMAT_VERSION, MissingDocument};

/// What a recount found.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verification {
    /// The version of the document.
    pub format_version: u32,
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// Whether segments were there to be read. They are deleted some days after the last delivery;
    /// then the state alone is checked.
    pub segments: bool,
    /// Calls in the segments, unchanged ones left out.
    pub calls: u64,
    /// Unchanged calls in the segments: runs of older versions kept them.
    pub unchanged: u64,
    /// Rejections in the segments.
    pub rejected: u64,
    /// What does not agree, in sentences.
    pub differences: Vec<String>,
    /// Calls of the run that destinations have not got and that no run sends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingDocument>,
}

impl Verification {
    /// Whether everything adds up and nothing is missing.
    pub fn is_right(&self) -> bool {
        self.differences.is_empty() && self.missing.is_empty()
    }
}

impl RunReader {
    /// Recounts a run. Reads every segment of it.
    ///
    /// # Errors
    /// C011 for an unknown run; P004 and P005 for segments that cannot be read.
    pub async fn verify(&self, run: RunId) -> Result<Verification> {
        let record = self.known(run).await?;
        let segments = self.state.segments(run).await?;
        let deliveries = self.state.deliveries(run).await?;
        let mut found = Verification {
            format_version: FORMAT_VERSION,
            run,
            sync: record.sync.clone(),
            segments: !segments.is_empty() && record.state != RunState::Lost,
            calls: 0,
            unchanged: 0,
            rejected: 0,
            differences: Vec::new(),
            missing: self.missing_of(run).await?,
        };
        // Sums of numbers that may be wrong: none of them overflows.
        let mut check = |what: &str, left: u128, right: u128| {
            if left != right {
                found.differences.push(format!("{what}: {left} against {right}"));
            }
        };
        let sum = |numbers: &[u64]| numbers.iter().copied().map(u128::from).sum::<u128>();
        let rows = record.rows;
        check(
            "rows read against calls + rejected + unchanged",
            rows.read.into(),
            sum(&[rows.calls, rows.rejected, rows.unchanged]),
        );
        for delivery in &deliveries {
            let (name, c) = (&delivery.destination, &delivery.counts);
            let outcomes =
                sum(&[c.delivered, c.dead_letters, c.filtered, c.cancelled, c.discarded, c.pending]);
            let (calls, run_calls, dead_letters) = (c.calls.into(), rows.calls.into(), c.dead_letters.into());
            check(&format!("{name}: calls against their outcomes"), calls, outcomes);
            check(&format!("{name}: calls against the run's"), calls, run_calls);
            let letters = DeadLetterPages::new(self.state.clone(), run, name).pick(|_| Some(())).await?;
            let letters = letters.len() as u128;
            check(&format!("{name}: dead letters counted against kept"), dead_letters, letters);
        }
        if segments.is_empty() || record.state == RunState::Lost {
            // What a lost run has left need not be readable.
            return Ok(found);
        }
        let Counted { calls, unchanged, rejected, ordinals, pending } =
            self.count(&record, &segments, &deliveries).await?;
        (found.calls, found.unchanged, found.rejected) = (calls, unchanged, rejected);
        let mut check = |what: &str, left: u64, right: u64| {
            if left != right {
                found.differences.push(format!("{what}: {left} against {right}"));
            }
        };
        check("calls in the state against the segments", rows.calls, found.calls);
        if record.marked(&segments) > 0 {
            // Runs of older versions kept unchanged calls.
            let unchanged = rows.unchanged_calls();
            check("unchanged calls in the state against the segments", unchanged, found.unchanged);
        }
        check("rejected rows in the state against the segments", rows.rejected, found.rejected);
        check("row ordinals that do not rise", ordinals.wrong, 0);
        for (d, delivery) in deliveries.iter().enumerate() {
            let (c, left) = (&delivery.counts, pending[d]);
            let dropped = c.cancelled.saturating_add(c.discarded);
            let what = format!(
                "{}: pending calls in the state against unsettled ones in the segments",
                delivery.destination
            );
            check(&what, c.pending.saturating_add(dropped), left);
        }
        Ok(found)
    }

    /// What is missing of a run.
    async fn missing_of(&self, run: RunId) -> Result<Vec<MissingDocument>> {
        let gaps = self.state.gaps_of(run).await?.into_iter();
        let open =
            gaps.filter(|gap| gap.missing.opened_by == run && gap.closed_at.is_none() && gap.is_automatic());
        Ok(open.map(MissingDocument::from).collect())
    }

    async fn count(
        &self,
        run: &RunRecord,
        segments: &[SegmentInfo],
        deliveries: &[DeliveryRecord],
    ) -> Result<Counted> {
        let mut found = Counted { pending: vec![0; deliveries.len()], ..Counted::default() };
        let mut calls = self.calls(run, segments, 0).await?;
        while let Some(block) = calls.next().await? {
            for (position, call) in (block.first..).zip(&block.calls) {
                found.ordinals.see(call.meta.ordinal);
                if call.unchanged {
                    found.unchanged += 1;
                    continue;
                }
                found.calls += 1;
                for (d, delivery) in deliveries.iter().enumerate() {
                    found.pending[d] += u64::from(!delivery.settled.contains(position));
                }
            }
        }
        let mut rejections = self.spool.rejections(run.id, segments, 0).await?;
        while let Some(read) = rejections.next().await? {
            found.rejected += read.len() as u64;
        }
        Ok(found)
    }
}

/// What the segments hold.
#[derive(Default)]
struct Counted {
    calls: u64,
    unchanged: u64,
    rejected: u64,
    ordinals: Ordinals,
    /// By delivery.
    pending: Vec<u64>,
}

/// Ordinals rise strictly: no row is in the segments twice.
#[derive(Default)]
struct Ordinals {
    last: Option<u64>,
    wrong: u64,
}

impl Ordinals {
    fn see(&mut self, ordinal: u64) {
        self.wrong += u64::from(self.last.is_some_and(|last| ordinal <= last));
        self.last = Some(ordinal);
    }
}
