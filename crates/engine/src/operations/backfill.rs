//! What destinations have missed: where the gap of one begins, and which are new to a sync.
//!
//! A destination misses calls in two ways. A run was lost: then the state has a gap for it. Or runs
//! left it out, as it was not among their destinations, was skipped, or had been taken out of the
//! project: that follows from the runs. One run fills both.

use outflow_core::ports::state::{Gap, GapId, RunFilter};
use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{NextStep, Result, RunId, RunRecord, RunState, SyncSpec};

use crate::event::Note;
use crate::extract::cursor::CursorValue;
use crate::{Engine, RunReader};

/// Where the gap of a destination begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapStart {
    /// `{{last_sync_time}}` of the oldest run whose calls did not all reach the destination.
    pub start: String,
    /// The first of these runs.
    pub first: RunId,
}

impl GapStart {
    /// The run that fills the gap.
    pub fn backfill(self, destination: &str) -> RunOptions {
        let kind = RunKind::Backfill { start: self.start, first: self.first };
        RunOptions { destination: Some(destination.to_owned()), ..RunOptions::of(kind) }
    }

    /// One gap of two.
    fn and(self, other: Self) -> Self {
        let is_earlier = match (CursorValue::parse(&self.start), CursorValue::parse(&other.start)) {
            (Some(one), Some(another)) => one <= another,
            // What cannot be compared is read from the beginning.
            _ => return Self { start: "0".to_owned(), first: self.first.min(other.first) },
        };
        let start = if is_earlier { self.start } else { other.start };
        Self { start, first: self.first.min(other.first) }
    }
}

impl RunReader {
    /// Where the gap of a destination begins: all that it has missed and that no run is on its way
    /// to fill. `None`: it has missed nothing.
    ///
    /// # Errors
    /// What the state says.
    pub async fn gap(&self, sync: &str, destination: &str) -> Result<Option<GapStart>> {
        let lost = self.open_gaps(sync, destination).await?.into_iter().map(|gap| GapStart {
            start: gap.missing.start.unwrap_or_else(|| "0".to_owned()),
            first: gap.missing.first,
        });
        let left_out = self.left_out_since(sync, destination).await?;
        Ok(lost.chain(left_out).reduce(GapStart::and))
    }

    /// What lost runs have left missing at a destination.
    pub(crate) async fn open_gaps(&self, sync: &str, destination: &str) -> Result<Vec<Gap>> {
        let mut gaps = self.state.open_gaps().await?;
        gaps.retain(|g| g.is_open() && g.missing.sync == sync && g.missing.destination == destination);
        Ok(gaps)
    }

    /// The oldest run that left the destination out. A backfill closes the gap, and then there is
    /// none until the next run that leaves it out.
    pub(crate) async fn left_out_since(&self, sync: &str, destination: &str) -> Result<Option<GapStart>> {
        let runs = self.state.runs(&RunFilter { sync: Some(sync.to_owned()), limit: 0 }).await?;
        let mut gap = None;
        for run in runs.iter().rev().filter(|run| counts_for_gaps(run)) {
            let deliveries = self.state.deliveries(run.id).await?;
            let delivery = deliveries.iter().find(|d| d.destination == destination);
            match delivery.filter(|d| d.counts.cancelled == 0 && d.counts.discarded == 0) {
                None if run.spec.options.is_incremental() && run.rows.calls > 0 => {
                    let start = run.last_sync_time.clone();
                    gap = gap.or_else(|| start.map(|start| GapStart { start, first: run.id }));
                }
                Some(_) if closes_gaps(run) => gap = None,
                _ => {}
            }
        }
        Ok(gap)
    }
}

impl Engine {
    /// The runs that fill what lost runs have left missing, one for each destination that the sync
    /// sends to.
    ///
    /// # Errors
    /// What the state says.
    pub(crate) async fn fills(&self, spec: &SyncSpec) -> Result<Vec<RunOptions>> {
        let (reader, mut fills) = (self.reader(), Vec::new());
        for connection in &spec.connections {
            let name = &connection.destination;
            if self.destinations.contains_key(name) && !reader.open_gaps(&spec.name, name).await?.is_empty() {
                let gap = reader.gap(&spec.name, name).await?;
                fills.extend(gap.map(|gap| gap.backfill(name)));
            }
        }
        Ok(fills)
    }

    /// The gaps that a run closes by reading everything, or all since before they begin, for all
    /// destinations that it reaches.
    pub(crate) async fn covered_gaps(&self, run: &RunRecord) -> Result<Vec<GapId>> {
        let options = &run.spec.options;
        let since = match &options.kind {
            RunKind::Full => None,
            RunKind::Since { at } => CursorValue::parse(&at.as_second().to_string()),
            _ => return Ok(Vec::new()),
        };
        if options.limit.is_some() {
            return Ok(Vec::new());
        }
        let mut gaps = self.state.open_gaps().await?;
        gaps.retain(|gap| {
            let begins = gap.missing.start.as_deref().and_then(CursorValue::parse);
            gap.is_open()
                && gap.missing.sync == run.sync
                && run.spec.attached().any(|c| c.destination == gap.missing.destination)
                && (options.kind == RunKind::Full || begins.is_some_and(|begins| Some(begins) >= since))
        });
        Ok(gaps.into_iter().map(|gap| gap.id).collect())
    }

    /// What is to be said of destinations that get the sync's calls for the first time although it
    /// has been running.
    pub(crate) async fn newcomers(&self, run: &RunRecord) -> Result<Vec<Note>> {
        let past = self.state.past_runs(&run.sync, LOOKED_AT).await?;
        let ordinary = |run: &&RunRecord| run.spec.options.is_incremental();
        let Some(last) = past.iter().map(|past| &past.record).find(ordinary).filter(|_| ordinary(&run))
        else {
            return Ok(Vec::new());
        };
        let has = |name: &str| last.spec.connections.iter().any(|c| c.destination == name);
        let new = run.spec.connections.iter().map(|c| c.destination.as_str()).filter(|name| !has(name));
        let note = |name: &str| Note {
            text: format!("{name} is new and gets what is read from now on"),
            next: Some(NextStep::Backfill { destination: name.to_owned() }),
        };
        Ok(new.map(note).collect())
    }
}

/// The last incremental run is searched among this many. Only replays and runs with options can
/// come before it.
pub(crate) const LOOKED_AT: u64 = 100;

/// Whether what a run has read can be missing where it was not sent. What a person has rejected is
/// not missing. What a lost run was sending has a gap of its own.
pub(crate) fn counts_for_gaps(run: &RunRecord) -> bool {
    run.extracted_at.is_some() && run.state != RunState::Rejected
}

/// Whether a run has filled a gap.
pub(crate) fn closes_gaps(run: &RunRecord) -> bool {
    matches!(run.spec.options.kind, RunKind::Backfill { .. }) && run.state != RunState::Lost
}
