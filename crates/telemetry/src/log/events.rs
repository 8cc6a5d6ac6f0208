//! What happens to syncs and runs as events of the log: the only place that names them.

use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Code, DeliveryCounts, DeliveryState, RunId};
use outflow_engine::Event;
use tracing::{error, info, trace, warn};

use super::as_error;

/// The target of these events.
pub(super) const TARGET: &str = module_path!();

/// Logs an event.
pub fn event(event: &Event) {
    match event {
        Event::Started { sync, run, resumed } => info!(sync, run = run.0, resumed, "run started"),
        // The start of a run is a value of a row where the sync has a cursor: only the note is
        // logged.
        Event::Reading { sync, run, notes, .. } => {
            notes.iter().for_each(|note| info!(sync, run = run.0, note = note.text, "note"));
        }
        Event::Read { sync, run, rows, rejected } => trace!(sync, run = run.0, rows, rejected, "rows read"),
        Event::Extracted { sync, run, rows, seconds, .. } => info!(
            sync,
            run = run.0,
            read = rows.read,
            calls = rows.calls,
            rejected = rows.rejected,
            unchanged = rows.unchanged,
            seconds = (seconds * 1000.0).round() / 1000.0,
            "extracted"
        ),
        Event::Failed { sync, run, errors } => {
            errors.iter().for_each(|e| error!(sync, run = run.0, error = as_error(e), "run failed"));
        }
        Event::AwaitingApproval { sync, run, code, reason } => {
            warn!(sync, run = run.0, code = code.as_str(), reason, "run awaits approval");
        }
        Event::Approved { sync, run } => info!(sync, run = run.0, "run approved"),
        Event::Skipped { sync, slot, reason, .. } => warn!(sync, %slot, reason, "slot skipped"),
        Event::Delivering { sync, run, destination, counts } => trace!(
            sync,
            run = run.0,
            destination,
            delivered = counts.delivered,
            dead_letters = counts.dead_letters,
            pending = counts.pending,
            "delivering"
        ),
        // The engine logs each failed request itself.
        Event::Retrying { .. } => {}
        Event::Delivered { sync, run, destination, state, counts, reason } => {
            delivered(*run, sync, destination, *state, counts, reason.as_ref().map(|(code, _)| *code));
        }
        Event::Ended { sync, run, state } => info!(sync, run = run.0, state = state.name(), "run ended"),
        Event::Degraded { sync, destination, degraded: true } => {
            warn!(sync, destination, "destination degraded");
        }
        Event::Degraded { sync, destination, degraded: false } => {
            info!(sync, destination, "destination recovered");
        }
        Event::DestinationSkipped { sync, run, destination } => {
            warn!(sync, run = run.0, destination, "destination skipped");
        }
        Event::Audited { sync, run, differences } if differences.is_empty() => {
            info!(sync, run = run.0, "run verified");
        }
        Event::Audited { sync, run, differences } => {
            let (code, differences) = (Code::CountsDiffer.as_str(), differences.join("; "));
            error!(sync, run = run.0, code, differences, "run does not add up");
        }
        Event::Alert { alert } => self::alert(alert),
        Event::ClockJumped { warning } => warn!(error = as_error(warning), "clock"),
        Event::Reloaded => info!("reloaded"),
        Event::Problem { error } => error!(error = as_error(error), "trouble"),
    }
}

/// What a destination said is not in it: the code and its title are.
fn delivered(
    run: RunId,
    sync: &str,
    destination: &str,
    state: DeliveryState,
    counts: &DeliveryCounts,
    code: Option<Code>,
) {
    macro_rules! delivery {
        ($level:ident) => {
            $level!(
                sync,
                run = run.0,
                destination,
                state = state.name(),
                delivered = counts.delivered,
                dead_letters = counts.dead_letters,
                pending = counts.pending,
                code = code.map(Code::as_str),
                reason = code.map(Code::title),
                "delivery"
            )
        };
    }
    if code.is_some() || counts.dead_letters > 0 {
        delivery!(warn);
    } else {
        delivery!(info);
    }
}

fn alert(alert: &AlertRecord) {
    let AlertRecord { kind, subject, code, message, since, recovered_at, .. } = alert;
    if recovered_at.is_some() {
        info!(alert = kind, subject, %since, "alert recovered");
    } else {
        let code = code.map(Code::as_str);
        warn!(alert = kind, subject, %since, code, reason = message, "alert");
    }
}
