//! The steps of a run's life.

use crate::ports::state::{Objection, SyncState};
use crate::{Code, DeliveryState, Error, Result, RunId, RunState};

/// The state of a run whose extraction is committed: without calls there is nothing to deliver.
pub fn end_of_extraction(calls: u64, awaits_approval: bool) -> RunState {
    match calls {
        _ if awaits_approval => RunState::AwaitingApproval,
        0 => RunState::Succeeded,
        _ => RunState::Delivering,
    }
}

/// The first objection's code and the sentences of all; `None` without objections.
pub fn merge_objections(objections: Vec<Objection>) -> Option<Objection> {
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
        S::Succeeded | S::Partial => matches!(from, S::Extracting | S::AwaitingApproval | S::Delivering),
        S::Rejected => from == S::AwaitingApproval,
        S::Failed | S::Cancelled | S::Lost | S::Skipped => !from.is_final(),
    };
    if allowed {
        return Ok(());
    }
    Err(Error::new(Code::StateIo, format!("run {run} is {from} and cannot become {to}"))
        .help("this is a mistake in Outflow; please report it"))
}

/// The final state of a run with these deliveries; `None`: some have not ended.
pub fn conclude(deliveries: impl IntoIterator<Item = DeliveryState>) -> Option<RunState> {
    let mut end = RunState::Succeeded;
    for state in deliveries {
        match state {
            DeliveryState::Succeeded => {}
            DeliveryState::Partial => end = RunState::Partial,
            DeliveryState::Delivering | DeliveryState::Stopped => return None,
        }
    }
    Some(end)
}

/// The sync's state after a rejected run whose window is skipped: as the extraction said, but compared with
/// no run, as these calls were never made.
pub fn skipped_window(update: SyncState) -> SyncState {
    SyncState { baseline: None, ..update }
}
