//! `outflow pause` and `outflow resume`: syncs that begin no run by their schedule, and
//! destinations that get nothing.

use outflow_app::{Errors, PauseDocument, PauseEntry, PauseKind, PauseRequest};

use crate::cli::{PausableKind, Pause};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, time};
use crate::progress;

/// Pauses what is named and prints how it is now.
pub async fn pause(front: &Front, args: &Pause, printer: Printer) -> Result<Exit, Errors> {
    show(&front.pause(&request(args), &progress::caller(printer)).await?, printer);
    Ok(Exit::Done)
}

/// Resumes what is named and prints how it is now.
pub async fn resume(front: &Front, args: &Pause, printer: Printer) -> Result<Exit, Errors> {
    show(&front.resume(&request(args), &progress::caller(printer)).await?, printer);
    Ok(Exit::Done)
}

fn request(args: &Pause) -> PauseRequest {
    let kind = args.kind.map(|kind| match kind {
        PausableKind::Sync => PauseKind::Sync,
        PausableKind::Destination => PauseKind::Destination,
    });
    PauseRequest { names: args.names.clone(), kind, wait: !args.no_wait }
}

fn show(document: &PauseDocument, printer: Printer) {
    if printer.is_ndjson() {
        document.entries.iter().for_each(|entry| printer.document(entry, |_| String::new()));
    } else {
        printer.document(document, |document| document.entries.iter().map(line).collect());
    }
}

fn line(entry: &PauseEntry) -> String {
    let PauseEntry { of, paused_since, changed } = entry;
    let (kind, name) = (of.kind.name(), &of.name);
    match (paused_since, changed) {
        (None, true) => format!("{kind} {name} is resumed\n"),
        (None, false) => format!("{kind} {name} was not paused\n"),
        (Some(since), changed) => {
            let what = match of.kind {
                PauseKind::Sync => format!("`outflow run {name}` runs it all the same"),
                PauseKind::Destination => "what comes for it waits".to_owned(),
            };
            let already = if *changed { "" } else { "already " };
            let since = time(*since);
            format!(
                "{kind} {name} is {already}paused since {since}: {what}; `outflow resume {name}` ends it\n"
            )
        }
    }
}
