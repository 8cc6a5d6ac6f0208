//! The steps of a run's life.

use super::budget::{Spent, budget_objections};
use crate::ports::state::{Extraction, Objection, SyncState};
use crate::run::RunKind;
use crate::{Code, DeliveryState, Error, Result, RowCounts, RunId, RunRecord, RunState};

/// What becomes of a run in the transaction that commits its extraction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its state then.
    pub state: RunState,
    /// Why it awaits approval, if it does.
    pub objection: Option<Objection>,
}

/// Commits an extraction. `spent` is what the budgets are compared with; `None`: no budget applies
/// ([`has_budget`](super::has_budget)).
///
/// # Errors
/// `StateIo`: the run is not `extracting`.
pub fn commit_extraction(
    run: &RunRecord,
    extraction: &Extraction,
    spent: Option<&Spent>,
) -> Result<Committed> {
    let calls = extraction.rows.calls;
    let mut objections = extraction.objections.clone();
    if let Some(spent) = spent {
        objections.extend(budget_objections(&run.sync, &run.spec, calls, &extraction.budgets, spent));
    }
    let objection = merge_objections(objections);
    let state = match &objection {
        Some(_) => RunState::AwaitingApproval,
        None => approved(&extraction.rows),
    };
    if run.state != RunState::Extracting {
        return Err(no_step(run.id, run.state, state));
    }
    Ok(Committed { state, objection })
}

/// The state of a run whose calls may be sent: without calls there is nothing to deliver.
pub fn approved(rows: &RowCounts) -> RunState {
    if rows.calls == 0 { succeeded(rows) } else { RunState::Delivering }
}

/// How a run ends that has sent all of its calls.
fn succeeded(rows: &RowCounts) -> RunState {
    if rows.rejected == 0 { RunState::Succeeded } else { RunState::SucceededWithRejected }
}

/// The first objection's code and the sentences of all; `None` without objections.
fn merge_objections(objections: Vec<Objection>) -> Option<Objection> {
    objections.into_iter().reduce(|(code, all), (other, text)| (code, format!("{all}; {other}: {text}")))
}

/// Whether a run may go from one state to another.
///
/// # Errors
/// `StateIo`: a run's life has no such step.
pub fn check_step(run: RunId, from: RunState, to: RunState) -> Result<()> {
    use RunState as S;
    let allowed = match to {
        S::Queued => false,
        S::Extracting => matches!(from, S::Queued | S::Extracting),
        S::AwaitingApproval => from == S::Extracting,
        S::Delivering => matches!(from, S::Extracting | S::AwaitingApproval),
        S::Succeeded | S::SucceededWithRejected | S::Partial => {
            matches!(from, S::Extracting | S::AwaitingApproval | S::Delivering)
        }
        S::Rejected => from == S::AwaitingApproval,
        S::Failed | S::Cancelled | S::Lost | S::Skipped => !from.is_final(),
    };
    if allowed { Ok(()) } else { Err(no_step(run, from, to)) }
}

/// Whether a run that awaits approval goes on to `to`.
///
/// # Errors
/// `StateIo`: it does not await approval.
pub fn check_approval(run: RunId, from: RunState, to: RunState) -> Result<()> {
    if from == RunState::AwaitingApproval { check_step(run, from, to) } else { Err(no_step(run, from, to)) }
}

/// Whether a run may end like this. A loss opens gaps, and is a step of its own.
///
/// # Errors
/// `StateIo`: that is no final state, or not one that the run can reach.
pub fn check_end(run: RunId, from: RunState, to: RunState) -> Result<()> {
    if to.is_final() && to != RunState::Lost {
        check_step(run, from, to)
    } else {
        Err(no_step(run, from, to))
    }
}

fn no_step(run: RunId, from: RunState, to: RunState) -> Error {
    Error::new(Code::StateIo, format!("run {run} is {from} and cannot become {to}"))
        .help("this is a mistake in Outflow; please report it")
}

/// The final state of a run with these rows and deliveries; `None`: some have not ended.
pub fn conclude(rows: &RowCounts, deliveries: impl IntoIterator<Item = DeliveryState>) -> Option<RunState> {
    let mut end = succeeded(rows);
    for state in deliveries {
        match state {
            DeliveryState::Succeeded => {}
            DeliveryState::Partial => end = RunState::Partial,
            DeliveryState::Delivering | DeliveryState::Stopped => return None,
        }
    }
    Some(end)
}

/// The sync's state once a run is committed that says `update` of it. Only a run that reads all
/// that is new moves where the next one begins; another one was read when the state may have been
/// an earlier one, and says only with what the next run is compared.
///
/// Calls that fill a gap change that comparison for one destination. If another run has moved the
/// state meanwhile, it has left that destination out, and what it read is a gap of its own.
pub fn sync_after(run: &RunRecord, now: SyncState, update: SyncState) -> SyncState {
    if run.spec.options.is_incremental() {
        return update;
    }
    let fills = matches!(run.spec.options.kind, RunKind::Backfill { .. });
    let has_moved = now.watermark != update.watermark || now.cursor != update.cursor;
    let is_later = now.baseline.as_ref().is_some_and(|baseline| baseline.run > run.id);
    match (has_moved, is_later) {
        (true, _) if fills => now,
        (false, false) => SyncState { baseline: update.baseline, ..now },
        // Two changes of one comparison: nothing is known to be the latest value.
        _ => SyncState { baseline: None, ..now },
    }
}

/// The sync's state after a rejected run whose window is skipped: as the extraction said, but
/// compared with no run, as these calls were never made.
pub fn skipped_window(update: SyncState) -> SyncState {
    SyncState { baseline: None, ..update }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_objections_are_told_under_the_code_of_the_first() {
        let told =
            merge_objections(vec![(Code::TooManyRows, "a".into()), (Code::UnusualRowCount, "b".into())]);
        assert_eq!(told, Some((Code::TooManyRows, "a; G003: b".to_owned())));
        assert_eq!(merge_objections(vec![]), None);
    }

    #[test]
    fn a_run_goes_forward_and_never_leaves_a_final_state() {
        use RunState as S;
        let all = [
            S::Queued,
            S::Extracting,
            S::AwaitingApproval,
            S::Delivering,
            S::Succeeded,
            S::SucceededWithRejected,
            S::Partial,
            S::Failed,
            S::Cancelled,
            S::Rejected,
            S::Lost,
            S::Skipped,
        ];
        let allowed = |from, to| check_step(RunId(1), from, to).is_ok();
        for from in all {
            for to in all {
                assert!(!(from.is_final() && allowed(from, to)), "{from} became {to}");
                assert!(!allowed(from, S::Queued));
            }
            assert_eq!(allowed(from, S::Rejected), from == S::AwaitingApproval);
            assert_eq!(allowed(from, S::Failed), !from.is_final());
        }
        assert!(allowed(S::Extracting, S::Extracting) && !allowed(S::Delivering, S::Extracting));
    }

    #[test]
    fn a_run_ends_with_its_last_delivery() {
        use DeliveryState as D;
        let all = RowCounts { read: 5, calls: 5, rejected: 0, ..RowCounts::default() };
        let some = RowCounts { read: 5, calls: 3, rejected: 2, ..RowCounts::default() };
        for (rows, want) in [(all, RunState::Succeeded), (some, RunState::SucceededWithRejected)] {
            assert_eq!(conclude(&rows, []), Some(want));
            assert_eq!(conclude(&rows, [D::Succeeded]), Some(want));
            assert_eq!(conclude(&rows, [D::Partial, D::Succeeded]), Some(RunState::Partial));
            assert_eq!(conclude(&rows, [D::Partial, D::Delivering]), None);
            assert_eq!(conclude(&rows, [D::Stopped]), None);
            assert_eq!(approved(&rows), RunState::Delivering);
        }
        assert_eq!(approved(&RowCounts::default()), RunState::Succeeded);
        let none = RowCounts { read: 2, calls: 0, rejected: 2, ..RowCounts::default() };
        assert_eq!(approved(&none), RunState::SucceededWithRejected);
    }
}
