//! What is missing when a run is lost, where runs leave a destination out, and where a sync has not
//! sent to it.

use jiff::Timestamp;

use crate::ports::state::{DeliveryRecord, Gap, GapCause, GapId, Membership, MissingCalls};
use crate::run::{RunKind, RunTrigger};
use crate::{Code, RunId, RunRecord, RunState};

/// What destinations lack of a run that is lost, one gap for each that has pending calls.
/// `compared_with` is what the run was compared with.
///
/// A lost backfill opens its own gap again, and so does a replay that fills the gap of a run which
/// left the destination out. Another lost replay opens none: its dead letters can be replayed
/// again. Nor does a run with a limit, whose rows are unknown.
pub fn missing_after_loss(
    run: &RunRecord,
    deliveries: &[DeliveryRecord],
    compared_with: Option<RunId>,
    at: Timestamp,
) -> Vec<MissingCalls> {
    let Some((first, last)) = ends(run) else { return Vec::new() };
    let is_copy = run.spec.options.replay().is_some();
    let cause = if is_copy { GapCause::LeftOut } else { GapCause::Lost };
    let lacking = deliveries.iter().filter(|delivery| delivery.counts.pending > 0);
    let missing = lacking.map(|delivery| MissingCalls {
        first,
        last,
        calls: delivery.counts.pending,
        ..missing(run, &delivery.destination, cause, compared_with, at)
    });
    missing.collect()
}

/// What a destination lacks of a run whose calls for it a person gives up. A run that sends what
/// others have sent already, or may have, opens no gap.
pub fn missing_where_given_up(
    run: &RunRecord,
    destination: &str,
    calls: u64,
    compared_with: Option<RunId>,
    at: Timestamp,
) -> Option<MissingCalls> {
    let kind = &run.spec.options.kind;
    let (first, last) = ends(run).filter(|_| !matches!(kind, RunKind::Full | RunKind::Since { .. }))?;
    let missing = missing(run, destination, GapCause::GivenUp, compared_with, at);
    Some(MissingCalls { first, last, calls, ..missing })
}

/// What the destinations lack that a run leaves out, from the moment at which its calls begin to be
/// delivered to the others. A run without calls leaves nothing out, unless more is missing already.
///
/// A state that the run found unchanged has not arrived where it was missing before: then the gap
/// does not say that the destination has got what the run was compared with.
pub fn missing_where_left_out(
    run: &RunRecord,
    calls: u64,
    compared_with: Option<RunId>,
    at: Timestamp,
    membership: &Membership,
) -> Vec<MissingCalls> {
    let misses_states = |name: &String| {
        let is_open = |gap: &Gap| gap.missing.destination == *name && gap.closed_at.is_none();
        !run.call_type.is_event() && membership.gaps.iter().any(is_open)
    };
    let left_out = run.spec.skipped.iter().filter(|name| calls > 0 || misses_states(name));
    let missing = left_out.map(|name| MissingCalls {
        calls,
        ..missing(run, name, GapCause::LeftOut, compared_with.filter(|_| !misses_states(name)), at)
    });
    missing.collect()
}

/// What is missing of this run alone.
fn missing(
    run: &RunRecord,
    destination: &str,
    cause: GapCause,
    compared_with: Option<RunId>,
    at: Timestamp,
) -> MissingCalls {
    MissingCalls {
        sync: run.sync.clone(),
        destination: destination.to_owned(),
        start: run.last_sync_time.clone(),
        first: run.id,
        last: run.id,
        compared_with,
        opened_by: run.id,
        cause,
        calls: 0,
        opened_at: at,
    }
}

/// The first and the last run whose calls are missing where those of this run are. `None`: its
/// calls were sent before, can be sent again, or are unknown.
fn ends(run: &RunRecord) -> Option<(RunId, RunId)> {
    let options = &run.spec.options;
    let ends = match &options.kind {
        RunKind::Incremental | RunKind::Full | RunKind::Since { .. } => (run.id, run.id),
        RunKind::Backfill { first, until, .. } => (*first, until.unwrap_or(run.id)),
        RunKind::Replay(replay) if run.trigger == RunTrigger::Gap => (replay.run, replay.run),
        RunKind::Replay(_) => return None,
    };
    options.limit.is_none().then_some(ends)
}

/// What a committed run changes of the gaps of destinations that are new to its sync, or away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GapChanges {
    /// These open.
    pub open: Vec<MissingCalls>,
    /// These reach to the run now, with its calls.
    pub extend: Vec<GapId>,
    /// In these nothing was missed, and they are over.
    pub close: Vec<GapId>,
}

/// The gaps of destinations that this run has and the one before had not, or the other way round.
/// `membership` is that before the run. Only runs that read all that is new say to whom a sync
/// sends.
///
/// A destination that is away has one gap for all runs with the same query.
pub fn change_members(
    run: &RunRecord,
    calls: u64,
    compared_with: Option<RunId>,
    at: Timestamp,
    membership: &Membership,
) -> GapChanges {
    let mut changes = GapChanges::default();
    let Some(previous) = membership.previous.as_ref().filter(|_| run.spec.options.is_incremental()) else {
        return changes;
    };
    for connection in &run.spec.connections {
        let name = &connection.destination;
        if let Some(new) = newcomer(name, membership) {
            changes.open.push(MissingCalls { opened_by: run.id, opened_at: at, ..new });
        }
        let is_over = |gap: &&Gap| is_away(gap, name) && gap.closed_at.is_none() && gap.missing.calls == 0;
        changes.close.extend(membership.gaps.iter().filter(is_over).map(|gap| gap.id));
    }
    let mut away: Vec<&str> = previous.spec.connections.iter().map(|c| &*c.destination).collect();
    let reach = membership.gaps.iter().filter(|gap| stands(gap, previous.id));
    away.extend(reach.map(|gap| &*gap.missing.destination));
    away.sort_unstable();
    away.dedup();
    for name in away.into_iter().filter(|name| !has(run, name)) {
        let grows = |gap: &&Gap| {
            is_away(gap, name)
                && gap.is_open()
                && gap.missing.last == previous.id
                && same_query(run, previous)
        };
        match membership.gaps.iter().find(grows) {
            Some(gap) => changes.extend.push(gap.id),
            None => changes
                .open
                .push(MissingCalls { calls, ..missing(run, name, GapCause::Away, compared_with, at) }),
        }
    }
    changes
}

/// What a destination lacks that none of the sync's runs has had: everything, from the first run
/// that had calls. `None`: it is none, or the sync begins with it. `opened_by` is the first run.
pub fn newcomer(destination: &str, membership: &Membership) -> Option<MissingCalls> {
    let (beginning, previous) = (membership.beginning.as_ref()?, membership.previous.as_ref()?);
    let is_known = has(previous, destination)
        || membership
            .gaps
            .iter()
            .any(|gap| gap.missing.destination == destination && stands(gap, previous.id));
    (!is_known).then(|| MissingCalls {
        last: previous.id,
        ..missing(beginning, destination, GapCause::New, None, beginning.started_at)
    })
}

/// Whether a gap says that its destination was one of the sync's, or was not, as of that run.
fn stands(gap: &Gap, previous: RunId) -> bool {
    let is_about_members = matches!(gap.missing.cause, GapCause::New | GapCause::Away);
    gap.missing.last >= previous || (is_about_members && gap.closed_at.is_none())
}

fn is_away(gap: &Gap, destination: &str) -> bool {
    gap.missing.cause == GapCause::Away && gap.missing.destination == destination
}

fn has(run: &RunRecord, destination: &str) -> bool {
    run.spec.connections.iter().any(|connection| connection.destination == destination)
}

fn same_query(one: &RunRecord, other: &RunRecord) -> bool {
    one.call_type == other.call_type
        && one.spec.query == other.spec.query
        && one.spec.source == other.spec.source
}

/// Whether the gaps that a run was to fill say why it has ended like this: the query that their
/// runs had cannot run any more.
pub fn is_unfillable(run: &RunRecord, end: RunState, reason: Option<&(Code, String)>) -> bool {
    matches!(run.spec.options.kind, RunKind::Backfill { .. })
        && end == RunState::Failed
        && reason.is_some_and(|(code, _)| *code == Code::GapQueryFailed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::state::NewRun;
    use crate::run::{RowCounts, RunOptions, RunSpec};
    use crate::{CallType, Connection, Guards, Nulls, RunKey};

    fn run(id: u64, query: &str, to: &[&str]) -> RunRecord {
        let connection = |name: &&str| Connection { destination: (*name).to_owned(), nulls: Nulls::Send };
        let spec = RunSpec {
            source: "shop.main".into(),
            query: query.into(),
            connections: to.iter().map(connection).collect(),
            options: RunOptions::default(),
            guards: Guards::default(),
            skipped: Vec::new(),
            ids: Default::default(),
        };
        let at = Timestamp::UNIX_EPOCH;
        let NewRun { sync, call_type, trigger, spec, due_at, started_at } = NewRun {
            sync: "users".into(),
            call_type: CallType::Track,
            trigger: RunTrigger::Schedule,
            spec,
            due_at: at,
            started_at: at,
        };
        RunRecord {
            id: RunId(id),
            key: RunKey(0),
            sync,
            call_type,
            state: RunState::Extracting,
            trigger,
            spec,
            due_at,
            started_at,
            extracted_at: None,
            ended_at: None,
            last_sync_time: Some(id.to_string()),
            next_last_sync_time: None,
            clock: None,
            rows: RowCounts::default(),
            spool_bytes: 0,
            reason: None,
            skipped_by: None,
            replays: None,
            replayed_by: Vec::new(),
        }
    }

    /// Commits the runs one after the other, each with five calls, and returns the gaps.
    fn gaps(runs: &[RunRecord]) -> Vec<Gap> {
        let (mut membership, mut gaps) = (Membership::default(), Vec::<Gap>::new());
        for run in runs {
            membership.gaps.clone_from(&gaps);
            let changes = change_members(run, 5, None, run.started_at, &membership);
            for gap in gaps.iter_mut().filter(|gap| changes.extend.contains(&gap.id)) {
                gap.missing.last = run.id;
                gap.missing.calls += 5;
            }
            for missing in changes.open {
                let id = GapId(gaps.len() as u64);
                gaps.push(Gap { id, missing, filled_by: None, closed_at: None, reason: None });
            }
            membership.beginning.get_or_insert_with(|| run.clone());
            membership.previous = Some(run.clone());
        }
        gaps
    }

    fn told(runs: &[RunRecord]) -> Vec<(GapCause, String, u64, u64, u64)> {
        let gaps = gaps(runs).into_iter().map(|gap| gap.missing);
        gaps.map(|m| (m.cause, m.destination, m.first.0, m.last.0, m.calls)).collect()
    }

    #[test]
    fn a_destination_that_is_new_lacks_what_was_there_before_it_and_one_that_was_away_what_came_meanwhile() {
        let (ab, a) = (&["a", "b"][..], &["a"][..]);
        assert_eq!(told(&[run(1, "q", ab), run(2, "q", ab)]), []);
        let new = (GapCause::New, "b".to_owned(), 1, 2, 0);
        assert_eq!(told(&[run(1, "q", a), run(2, "q", a), run(3, "q", ab), run(4, "q", ab)]), [new]);
        let away = |first, last, calls| (GapCause::Away, "b".to_owned(), first, last, calls);
        let runs = [run(1, "q", ab), run(2, "q", a), run(3, "q", a), run(4, "q", ab), run(5, "q", ab)];
        assert_eq!(told(&runs), [away(2, 3, 10)]);
        // An edit of the query begins another one, and so does each time away.
        let runs = [run(1, "q", ab), run(2, "q", a), run(3, "p", a), run(4, "p", ab), run(5, "p", a)];
        assert_eq!(told(&runs), [away(2, 2, 5), away(3, 3, 5), away(5, 5, 5)]);
    }

    #[test]
    fn only_runs_that_read_all_that_is_new_say_to_whom_a_sync_sends() {
        let mut limited = run(2, "q", &["a"]);
        limited.spec.options.limit = Some(3);
        assert_eq!(told(&[run(1, "q", &["a", "b"]), limited]), []);
    }

    #[test]
    fn one_that_missed_nothing_while_it_was_away_has_no_gap() {
        let before = run(1, "q", &["a", "b"]);
        let missing = missing(&run(2, "q", &["a"]), "b", GapCause::Away, None, before.started_at);
        let gap = Gap { id: GapId(7), missing, filled_by: None, closed_at: None, reason: None };
        let membership =
            Membership { beginning: Some(before), previous: Some(run(2, "q", &["a"])), gaps: vec![gap] };
        let back = run(3, "q", &["a", "b"]);
        let changes = change_members(&back, 5, None, back.started_at, &membership);
        assert_eq!(changes, GapChanges { close: vec![GapId(7)], ..GapChanges::default() });
    }
}
