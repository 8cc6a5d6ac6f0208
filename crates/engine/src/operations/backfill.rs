//! What destinations have missed, and which run fills it next.
//!
//! What always holds: what is missing is a row of the state, or the destination is one that no run
//! of the sync has had. What Outflow itself has left out is filled without a request; what a person
//! decided (a new destination, one that was away, calls that were given up) when a person asks. One
//! run fills what runs with one query have left out, and with that query; the oldest comes first.

use outflow_core::ports::state::{Gap, GapCause, GapId, MissingCalls, RunFilter};
use outflow_core::run::{Replay, ReplayMode, RunKind, RunOptions, RunTrigger};
use outflow_core::{CallType, Code, NextStep, Result, RunId, RunRecord, RunState, SyncSpec, rules};

use crate::event::Note;
use crate::extract::cursor::CursorValue;
use crate::extract::watermark;
use crate::pages::RunPages;
use crate::run::source_of;
use crate::{Engine, RunReader};

/// Where the gap of a destination begins, and what of it one run fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapStart {
    /// `{{last_sync_time}}` of the oldest run whose calls did not all reach the destination.
    pub start: String,
    /// The first of these runs.
    pub first: RunId,
    /// The last one; `None`: up to the sync's next run.
    pub until: Option<RunId>,
    /// The run whose query they had; `None`: that of the sync.
    pub query_of: Option<RunId>,
}

impl GapStart {
    /// The run that fills it.
    pub fn backfill(self, destination: &str) -> RunOptions {
        let Self { start, first, until, query_of } = self;
        let kind = RunKind::Backfill { start, first, until, query_of };
        RunOptions { destination: Some(destination.to_owned()), ..RunOptions::of(kind) }
    }
}

/// The earlier one of two starts. What cannot be compared is read from the beginning.
fn earlier(one: String, other: String) -> String {
    match (CursorValue::parse(&one), CursorValue::parse(&other)) {
        (Some(a), Some(b)) if a <= b => one,
        (Some(_), Some(_)) => other,
        _ => "0".to_owned(),
    }
}

/// What decides what a run reads, as it is fixed when the run is created.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pinned {
    call_type: CallType,
    query: String,
    source: String,
}

impl Pinned {
    fn of(run: &RunRecord) -> Self {
        let (query, source) = (run.spec.query.clone(), run.spec.source.clone());
        Self { call_type: run.call_type, query, source }
    }

    fn of_sync(spec: &SyncSpec) -> Self {
        Self { call_type: spec.call_type, query: spec.query.clone(), source: source_of(spec) }
    }
}

impl RunReader {
    /// Where the gap of a destination begins: what it has missed and no run is on its way to fill.
    /// If the query was edited meanwhile, it is the first part; the others follow once that is
    /// filled. `None`: it has missed nothing.
    ///
    /// # Errors
    /// What the state says.
    pub async fn gap(&self, spec: &SyncSpec, destination: &str) -> Result<Option<GapStart>> {
        let mut gaps = self.open_gaps(&spec.name, destination).await?;
        if let Some(missing) = self.newcomer(&spec.name, destination).await? {
            gaps.push(Gap { id: GapId(0), missing, filled_by: None, closed_at: None, reason: None });
        }
        self.first_part(spec, gaps).await
    }

    /// What is missing at a destination and no run is on its way to fill.
    pub(crate) async fn open_gaps(&self, sync: &str, destination: &str) -> Result<Vec<Gap>> {
        let mut gaps = self.state.open_gaps().await?;
        gaps.retain(|g| g.is_open() && g.missing.sync == sync && g.missing.destination == destination);
        Ok(gaps)
    }

    /// What a destination lacks that no run of the sync has had.
    pub(crate) async fn newcomer(&self, sync: &str, destination: &str) -> Result<Option<MissingCalls>> {
        Ok(rules::newcomer(destination, &self.state.membership(sync).await?))
    }

    /// The oldest of these gaps, with those after it whose runs had the same query.
    async fn first_part(&self, spec: &SyncSpec, mut gaps: Vec<Gap>) -> Result<Option<GapStart>> {
        gaps.sort_by_key(|gap| (gap.missing.first, gap.missing.last));
        let mut gaps = gaps.into_iter();
        let Some(oldest) = gaps.next() else { return Ok(None) };
        let sync = Pinned::of_sync(spec);
        let (of, pinned) = self.pinned(&oldest).await?.unwrap_or((oldest.missing.first, sync.clone()));
        let (mut start, mut last, mut is_cut) = (start_of(&oldest), oldest.missing.last, false);
        for gap in gaps {
            let other = self.pinned(&gap).await?.map_or(sync.clone(), |(_, pinned)| pinned);
            if other != pinned {
                is_cut = true;
                break;
            }
            start = earlier(start, start_of(&gap));
            last = last.max(gap.missing.last);
        }
        let is_cut = is_cut || pinned != sync || self.was_edited_since(spec, last, &pinned).await?;
        Ok(Some(GapStart {
            start,
            first: oldest.missing.first,
            until: is_cut.then_some(last),
            query_of: (pinned != sync).then_some(of),
        }))
    }

    /// The query that the runs of a gap had, and one of them; `None`: it is filled with that of the
    /// sync, as no destination of its own saw the others.
    async fn pinned(&self, gap: &Gap) -> Result<Option<(RunId, Pinned)>> {
        let missing = &gap.missing;
        let run = match missing.cause {
            GapCause::New => return Ok(None),
            GapCause::LeftOut | GapCause::Away => missing.first,
            GapCause::Lost | GapCause::GivenUp => missing.opened_by,
        };
        let Some(mut record) = self.state.run(run).await? else { return Ok(None) };
        // A replay repeats another run.
        if let Some(replay) = record.spec.options.replay()
            && let Some(replayed) = self.state.run(replay.run).await?
        {
            record = replayed;
        }
        Ok(Some((record.id, Pinned::of(&record))))
    }

    /// Whether a run after this one read all that is new with another query.
    async fn was_edited_since(&self, spec: &SyncSpec, last: RunId, pinned: &Pinned) -> Result<bool> {
        let mut pages = RunPages::new(self.state.clone(), RunFilter::newest(Some(&spec.name), 0));
        loop {
            let page = pages.next(LOOKED_AT).await?;
            let is_other = |run: &&RunRecord| {
                let counts = run.extracted_at.is_some() && run.state != RunState::Rejected;
                counts && run.spec.options.is_incremental() && Pinned::of(run) != *pinned
            };
            if page.iter().take_while(|run| run.id > last).any(|run| is_other(&run)) {
                return Ok(true);
            }
            if page.last().is_none_or(|run| run.id <= last) {
                return Ok(false);
            }
        }
    }
}

fn start_of(gap: &Gap) -> String {
    gap.missing.start.clone().unwrap_or_else(|| "0".to_owned())
}

/// This many runs are looked at in one go.
const LOOKED_AT: u64 = 100;

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
    /// to. What a person decided not to send is not among it.
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
            let mut gaps = reader.open_gaps(&spec.name, name).await?;
            gaps.retain(Gap::is_automatic);
            let Some(gap) = gaps.iter().min_by_key(|gap| gap.missing.first) else { continue };
            let first = gap.missing.first;
            let options = match self.copies(gap).await? {
                Some(replay) => Some(RunOptions {
                    kind: RunKind::Replay(replay),
                    destination: Some(name.clone()),
                    ..RunOptions::default()
                }),
                None => reader.first_part(spec, gaps).await?.map(|gap| gap.backfill(name)),
            };
            fills.extend(options.map(|options| Fill { destination: name.clone(), first, options }));
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
    /// destinations that it reaches: those that are open, and those of destinations that no run has
    /// had.
    pub(crate) async fn covered_gaps(&self, run: &RunRecord) -> Result<(Vec<GapId>, Vec<MissingCalls>)> {
        let options = &run.spec.options;
        let since = match &options.kind {
            RunKind::Full => None,
            RunKind::Since { at } => CursorValue::parse(&at.as_second().to_string()),
            _ => return Ok((Vec::new(), Vec::new())),
        };
        if options.limit.is_some() {
            return Ok((Vec::new(), Vec::new()));
        }
        let covers = |missing: &MissingCalls| {
            let begins = missing.start.as_deref().and_then(CursorValue::parse);
            options.kind == RunKind::Full || begins.is_some_and(|begins| Some(begins) >= since)
        };
        let mut gaps = self.state.open_gaps().await?;
        gaps.retain(|gap| {
            gap.is_open()
                && gap.missing.sync == run.sync
                && run.spec.attached().any(|c| c.destination == gap.missing.destination)
                && covers(&gap.missing)
        });
        let membership = self.state.membership(&run.sync).await?;
        let new = run.spec.attached().filter_map(|c| rules::newcomer(&c.destination, &membership));
        let new = new.filter(covers).map(|missing| self.opened_by(run, missing)).collect();
        Ok((gaps.into_iter().map(|gap| gap.id).collect(), new))
    }

    /// What a run fills that opens in the transaction that commits it.
    pub(crate) fn opened_by(&self, run: &RunRecord, missing: MissingCalls) -> MissingCalls {
        MissingCalls { opened_by: run.id, opened_at: self.clock.now(), ..missing }
    }

    /// What is to be said of destinations that get the sync's calls for the first time, or again,
    /// although it has been running.
    pub(crate) async fn newcomers(&self, run: &RunRecord) -> Result<Vec<Note>> {
        if !run.spec.options.is_incremental() {
            return Ok(Vec::new());
        }
        let membership = self.state.membership(&run.sync).await?;
        let was_away = |name: &str| {
            membership.gaps.iter().any(|gap| {
                let missing = &gap.missing;
                let ends = membership.previous.as_ref().is_some_and(|run| run.id == missing.last);
                missing.destination == name && missing.cause == GapCause::Away && gap.is_open() && ends
            })
        };
        let mut notes = Vec::new();
        for name in run.spec.connections.iter().map(|c| c.destination.as_str()) {
            let what = match rules::newcomer(name, &membership) {
                Some(_) => "is new",
                None if was_away(name) => "was away",
                None => continue,
            };
            notes.push(Note {
                text: format!("{name} {what} and gets what is read from now on"),
                next: Some(NextStep::Backfill { destination: name.to_owned() }),
            });
        }
        Ok(notes)
    }
}
