//! What destinations have missed: where the gap of one begins, and which are new to a sync.
//!
//! A destination misses calls in two ways. A run was lost, or left it out as it was too far behind:
//! then the state has a gap for it, which is filled without a request. Or it was not among the
//! destinations of runs, or had been taken out of the project: that follows from the runs, and a
//! person has it filled. One run fills both.

use outflow_core::ports::state::{Gap, GapId, RunFilter};
use outflow_core::run::{Replay, ReplayMode, RunKind, RunOptions, RunTrigger};
use outflow_core::{Code, NextStep, Result, RunId, RunRecord, RunState, SyncSpec};

use crate::event::Note;
use crate::extract::cursor::CursorValue;
use crate::extract::watermark;
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

    /// What lost runs, and runs that left it out, have left missing at a destination.
    pub(crate) async fn open_gaps(&self, sync: &str, destination: &str) -> Result<Vec<Gap>> {
        let mut gaps = self.state.open_gaps().await?;
        gaps.retain(|g| g.is_open() && g.missing.sync == sync && g.missing.destination == destination);
        Ok(gaps)
    }

    /// The oldest run that did not have the destination, or whose calls for it were given up. A
    /// backfill closes the gap, and then there is none until the next such run. Runs that left it
    /// out as it was too far behind have a gap in the state.
    pub(crate) async fn left_out_since(&self, sync: &str, destination: &str) -> Result<Option<GapStart>> {
        let runs = self.state.runs(&RunFilter { sync: Some(sync.to_owned()), limit: 0 }).await?;
        let mut gap = None;
        for run in runs.iter().rev().filter(|run| counts_for_gaps(run)) {
            let deliveries = self.state.deliveries(run.id).await?;
            let delivery = deliveries.iter().find(|d| d.destination == destination);
            match delivery.filter(|d| d.counts.cancelled == 0 && d.counts.discarded == 0) {
                None if delivery.is_some() && self.has_gap_row(run.id, destination).await? => {}
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

    /// Whether the run has, or had, a gap of the destination in the state.
    async fn has_gap_row(&self, run: RunId, destination: &str) -> Result<bool> {
        let gaps = self.state.gaps_of(run).await?;
        Ok(gaps.iter().any(|gap| gap.missing.opened_by == run && gap.missing.destination == destination))
    }
}

/// A destination, the first run of whose calls some are missing, and whether they are copied.
pub(crate) type FillKey = (String, RunId, bool);

/// A run that fills a gap without a request. It begins once everything that waits for the
/// destination has reached it: until then more of it may turn out to be lost.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    /// The destination.
    pub(crate) destination: String,
    /// The first run of whose calls some are missing.
    pub(crate) first: RunId,
    /// How the run differs from an incremental one.
    pub(crate) options: RunOptions,
}

impl Fill {
    /// What it fills, and whether it does so by a copy.
    pub(crate) fn key(&self) -> FillKey {
        (self.destination.clone(), self.first, self.options.replay().is_some())
    }
}

impl Engine {
    /// The runs that fill what is missing, the next one for each destination that the sync sends
    /// to.
    ///
    /// # Errors
    /// What the state says.
    pub(crate) async fn fills(&self, spec: &SyncSpec) -> Result<Vec<Fill>> {
        let (reader, mut fills) = (self.reader(), Vec::new());
        for connection in &spec.connections {
            let name = &connection.destination;
            if !self.destinations.contains_key(name) {
                continue;
            }
            let gaps = reader.open_gaps(&spec.name, name).await?;
            let Some(gap) = gaps.iter().min_by_key(|gap| gap.missing.first) else { continue };
            let options = match self.copies(gap).await? {
                Some(replay) => Some(RunOptions {
                    kind: RunKind::Replay(replay),
                    destination: Some(name.clone()),
                    ..RunOptions::default()
                }),
                None => reader.gap(&spec.name, name).await?.map(|gap| gap.backfill(name)),
            };
            fills.extend(options.map(|options| Fill {
                destination: name.clone(),
                first: gap.missing.first,
                options,
            }));
        }
        Ok(fills)
    }

    /// The calls of the run that left the destination out, as long as its segments are kept: under
    /// the same ids, and without a query. `None`: the rows are read again. So are those of states,
    /// of which the latest counts and not each that there was.
    async fn copies(&self, gap: &Gap) -> Result<Option<Replay>> {
        let run = gap.missing.first;
        let Some(record) = self.state.run(run).await? else { return Ok(None) };
        if !gap.is_left_out() || !watermark::is_event(record.call_type) {
            return Ok(None);
        }
        if self.state.segments(run).await?.is_empty() {
            return Ok(None);
        }
        for replay in &record.replayed_by {
            let reason = self.state.run(*replay).await?.and_then(|replay| replay.reason);
            if reason.is_some_and(|(code, _)| matches!(code, Code::SegmentDamaged | Code::SegmentMissing)) {
                return Ok(None);
            }
        }
        Ok(Some(Replay { run, mode: ReplayMode::All, code: None, force: false, start: None }))
    }

    /// The gap that a run fills which sends again all calls of a run that left its destination out.
    pub(crate) async fn copied_gap(&self, run: &RunRecord, replay: &Replay) -> Result<Vec<GapId>> {
        let Some(destination) = run.spec.options.destination.as_deref() else { return Ok(Vec::new()) };
        if run.trigger != RunTrigger::Gap || replay.mode != ReplayMode::All {
            return Ok(Vec::new());
        }
        let mut gaps = self.reader().open_gaps(&run.sync, destination).await?;
        gaps.retain(|gap| gap.is_left_out() && gap.missing.first == replay.run);
        Ok(gaps.into_iter().map(|gap| gap.id).collect())
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
