//! `outflow replay`: sends calls of an earlier run again.

use outflow_app::{Errors, ReplayMode, ReplayPlan, ReplayRequest, RunDocument, RunName};

use super::{code, outcome};
use crate::cli::Replay;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, count, plain};
use crate::progress;

/// How many people are named whom the query does not give any more.
const NAMED: usize = 20;

/// Replays what was requested; nothing to replay is no error.
pub async fn replay(front: &Front, args: &Replay, printer: Printer) -> Result<Exit, Errors> {
    let request = request(args)?;
    let report = front.replay(&request, &progress::caller(printer)).await?;
    if report.plan.destinations.is_empty() {
        printer.say(&nothing(&report.plan, &request));
    }
    outcome::report(&report.outcomes, printer);
    for keys in report.not_in_result.iter().filter(|keys| !keys.is_empty()) {
        let named: Vec<String> = keys.iter().take(NAMED).map(|key| plain(key)).collect();
        let more = if keys.len() > NAMED { ", …" } else { "" };
        printer.say(&format!(
            "{} refused keys are not in the query's result any more and were not sent: {}{more}",
            count(keys.len() as u64),
            named.join(", ")
        ));
    }
    if report.plan.mode == ReplayMode::Rejected {
        let documents = report.outcomes.iter().filter_map(|outcome| outcome.document());
        documents.for_each(|d| printer.say(&fixed(&report.plan, d)));
    }
    Ok(outcome::exit(&report.outcomes))
}

/// How many rejected rows a replay found fixed.
fn fixed(plan: &ReplayPlan, replay: &RunDocument) -> String {
    let (found, all) = (replay.rows.read, plan.rejected);
    let sent = match replay.rows.unchanged {
        0 => String::new(),
        sent => format!(", {} of them were sent before", count(sent)),
    };
    format!(
        "{} of {} rejected rows of run {} make a call now{sent}; the others are as they were, changed in \
         other columns, or gone",
        count(found),
        count(all),
        plan.run
    )
}

fn request(args: &Replay) -> Result<ReplayRequest, Errors> {
    let mode = match (args.all, args.as_sent, args.requery) {
        (true, ..) => Some(ReplayMode::All),
        (_, true, _) => Some(ReplayMode::AsSent),
        (.., true) => Some(ReplayMode::Requery),
        _ if args.rejected => Some(ReplayMode::Rejected),
        _ => None,
    };
    Ok(ReplayRequest {
        run: RunName::parse(Some(&args.run)),
        code: args.code.as_deref().map(code).transpose()?,
        destination: args.destination.clone(),
        mode,
        force: args.force,
        delivery_timeout: args.delivery.delivery_timeout,
        wait: !args.delivery.no_wait,
    })
}

fn nothing(plan: &ReplayPlan, request: &ReplayRequest) -> String {
    let ReplayPlan { run, sync, mode, .. } = plan;
    if *mode == ReplayMode::All {
        return format!("run {run} of {sync} has no calls");
    }
    if *mode == ReplayMode::Rejected {
        let code = request.code.map(|code| format!(" with {code}")).unwrap_or_default();
        return format!("run {run} of {sync} has no rejected row{code}");
    }
    let code = request.code.map(|code| format!(" with {code}")).unwrap_or_default();
    let yet = if request.force { "" } else { " that was not replayed (--force replays again)" };
    format!("run {run} of {sync} has no dead letter{code}{yet}")
}
