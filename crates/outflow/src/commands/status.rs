//! `outflow status`: what runs, what waits, is stopped, held or left out, what is due next, and
//! what is wrong.

use std::io::IsTerminal as _;
use std::time::Duration;

use outflow_app::{
    Change, DestinationStatus, Errors, HeldRun, LeftOutDocument, MissingDocument, NotLoaded,
    PausedDestination, Reason, Serving, StatusDocument, SyncStatus, TaskStatus, UnsentDocument, WaitingCalls,
};
use outflow_core::Code;

use super::alerts;
use crate::cli::Status;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, count, short, table, time};
use crate::signals;

/// What makes a terminal empty, with the cursor at its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Prints it, once or again and again until a signal.
pub async fn status(front: &Front, args: &Status, printer: Printer) -> Result<Exit, Errors> {
    let Some(seconds) = args.watch else {
        show(front, printer, "").await?;
        return Ok(Exit::Done);
    };
    let mut stop = signals::listen();
    let clear = if printer.is_table() && std::io::stdout().is_terminal() { CLEAR } else { "" };
    while !*stop.borrow() {
        show(front, printer, clear).await?;
        let _ = tokio::time::timeout(Duration::from_secs(seconds), stop.wait_for(|stop| *stop)).await;
    }
    Ok(Exit::Done)
}

async fn show(front: &Front, printer: Printer, clear: &'static str) -> Result<(), Errors> {
    let status = front.status().await?;
    printer.clear(clear);
    printer.document(&status, people);
    status.left_over.iter().for_each(|finding| printer.notice(finding));
    Ok(())
}

fn people(status: &StatusDocument) -> String {
    let mut text = match &status.serving {
        Some(Serving { pid, since, .. }) => format!("serving since {}, process {pid}\n", time(*since)),
        None => "nothing serves this project: `outflow serve` keeps its syncs running\n".to_owned(),
    };
    if !status.not_loaded.is_empty() {
        let change = |n: &NotLoaded| format!("{} {}", n.sync, change(n.change));
        let changes: Vec<_> = status.not_loaded.iter().map(change).collect();
        text += &format!("not loaded yet: {}; `outflow reload` loads the files\n", changes.join(", "));
    }
    let restored: Vec<_> = status.syncs.iter().filter(|s| s.restored).map(|s| s.sync.as_str()).collect();
    if !restored.is_empty() {
        let code = Code::StateRestored;
        text += &format!(
            "{} ({code}): the next run of {} sends all that it reads\n",
            code.title(),
            restored.join(", ")
        );
    }
    let rows: Vec<_> = status.syncs.iter().map(|sync| sync_row(sync, status)).collect();
    let head = ["sync", "next due", "last run", "state", "undelivered", "started", "why"];
    text += &("\n".to_owned() + &table(&head, &rows));
    if let Some(Serving { destinations, tasks, .. }) = &status.serving {
        let row = |d: &DestinationStatus| {
            let why = d.code.map(|code| format!("{code} {}", code.title())).unwrap_or_default();
            vec![d.destination.clone(), d.health.clone(), d.since.map(time).unwrap_or_default(), why]
        };
        let rows: Vec<_> = destinations.iter().map(row).collect();
        text += &("\n".to_owned() + &table(&["destination", "health", "since", "why"], &rows));
        if !tasks.is_empty() {
            let rows: Vec<_> = tasks.iter().map(task_row).collect();
            let head = ["task that failed", "times", "last", "now", "why"];
            text += &("\n".to_owned() + &table(&head, &rows));
        }
    }
    for PausedDestination { destination, paused_since } in &status.paused {
        let since = time(*paused_since);
        text += &format!("\n{destination} is paused since {since}: `outflow resume {destination}` ends it\n");
    }
    if !status.held.is_empty() {
        let row = |h: &HeldRun| {
            let next = format!("outflow approve {0} | reject {0}", h.run);
            vec![h.sync.clone(), h.run.to_string(), count(h.calls), why(h.reason.as_ref()), next]
        };
        let rows: Vec<_> = status.held.iter().map(row).collect();
        let head = ["sync", "run that awaits approval", "calls", "why", "then"];
        text += &("\n".to_owned() + &table(&head, &rows));
    }
    if !status.waiting.is_empty() {
        let rows: Vec<_> = status.waiting.iter().map(waiting_row).collect();
        let head = ["sync", "destination", "calls that wait", "since run", "state", "why"];
        text += &("\n".to_owned() + &table(&head, &rows));
    }
    if !status.missing.is_empty() {
        let row = |m: &MissingDocument| {
            let filled = m.filled_by.map_or("not yet".to_owned(), |run| format!("run {run}"));
            let row =
                [m.sync.clone(), m.destination.clone(), m.run.to_string(), count(m.calls), time(m.since)];
            [&row[..], &[filled]].concat()
        };
        let rows: Vec<_> = status.missing.iter().map(row).collect();
        let head = ["sync", "destination", "lost run", "calls missing", "since", "filled by"];
        text += &("\n".to_owned() + &table(&head, &rows));
    }
    if !status.left_out.is_empty() {
        let row = |l: &LeftOutDocument| {
            let runs = format!("{} to {}", l.first, l.last);
            vec![l.sync.clone(), l.destination.clone(), runs, count(l.calls), time(l.since)]
        };
        let rows: Vec<_> = status.left_out.iter().map(row).collect();
        let head = ["sync", "destination behind", "left out by runs", "calls", "since"];
        text += &("\n".to_owned() + &table(&head, &rows));
    }
    for unsent in &status.unsent {
        text += &format!("\n{}", unsent_line(unsent));
    }
    if !status.alerts.is_empty() {
        text += &("\n".to_owned() + &alerts::people(&status.alerts));
    }
    text
}

/// One line for what a person decided: it needs no action.
fn unsent_line(unsent: &UnsentDocument) -> String {
    let UnsentDocument { sync, destination, first, last, .. } = unsent;
    let how = match unsent.filled_by {
        Some(run) => format!("run {run} sends it"),
        None => format!("`outflow backfill {destination} --sync {sync}` sends it"),
    };
    format!("{destination} was not sent what runs {first} to {last} of {sync} read: {how}\n")
}

const fn change(change: Change) -> &'static str {
    match change {
        Change::Added => "is new",
        Change::Removed => "is gone",
        Change::Changed => "has changed",
    }
}

fn waiting_row(waits: &WaitingCalls) -> Vec<String> {
    let WaitingCalls { sync, destination, calls, oldest, stopped, reason } = waits;
    let state = if *stopped { "stopped" } else { "" };
    let run = oldest.map(|run| run.to_string()).unwrap_or_default();
    vec![sync.clone(), destination.clone(), count(*calls), run, state.to_owned(), why(reason.as_ref())]
}

fn why(reason: Option<&Reason>) -> String {
    reason.map(|r| short(&format!("{} {}", r.code, r.message), 60)).unwrap_or_default()
}

fn task_row(status: &TaskStatus) -> Vec<String> {
    let TaskStatus { task, failures, last, code, down } = status;
    let now = if *down { "down until a reload" } else { "runs" };
    let why = format!("{code} {}", code.title());
    vec![task.clone(), count(*failures), time(*last), now.to_owned(), why]
}

fn sync_row(sync: &SyncStatus, status: &StatusDocument) -> Vec<String> {
    let now = status.at;
    let stopped = status.waiting.iter().find(|waits| waits.sync == sync.sync && waits.stopped);
    let next = match (sync.paused_since, sync.next_due) {
        _ if !sync.enabled => "disabled".to_owned(),
        (Some(since), _) => format!("paused since {}", time(since)),
        (None, None) => "when asked for".to_owned(),
        (None, Some(at)) if at <= now => "now".to_owned(),
        (None, Some(at)) => time(at),
    };
    let mut row = vec![sync.sync.clone(), next];
    match &sync.last {
        None => row.extend(["", "never ran", "", "", ""].map(str::to_owned)),
        Some(last) => row.extend([
            last.run.to_string(),
            last.state.to_string(),
            if sync.undelivered > 0 { count(sync.undelivered) } else { String::new() },
            time(last.started_at),
            // A run that ended well says nothing of calls that wait since an earlier one.
            match (&last.reason, stopped) {
                (None, Some(waits)) => {
                    format!("{} stopped: {}", waits.destination, why(waits.reason.as_ref()))
                }
                (reason, _) => why(reason.as_ref()),
            },
        ]),
    }
    row
}
