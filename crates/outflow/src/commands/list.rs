//! `outflow list`: the syncs of the project.

use outflow_app::{Errors, Selectors, SyncDocument, SyncList};

use crate::cli::{List, Which};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, table, time};

/// Prints them.
pub async fn list(front: &Front, args: &List, printer: Printer) -> Result<Exit, Errors> {
    let list = front.list(&selectors(&args.which)).await?;
    if printer.is_ndjson() {
        list.syncs.iter().for_each(|sync| printer.document(sync, |_| String::new()));
    } else {
        let excludes = !args.which.exclude.is_empty();
        printer.document(&list, |list| people(list, excludes));
    }
    if let Some(error) = &list.not_known {
        printer.say("what is paused is not known, as the state cannot be read:");
        printer.notice(error);
    }
    Ok(Exit::Done)
}

/// What was selected.
pub fn selectors(which: &Which) -> Selectors {
    let select = which.names.iter().chain(&which.select).cloned().collect();
    Selectors { select, exclude: which.exclude.clone() }
}

fn people(list: &SyncList, excludes: bool) -> String {
    if list.syncs.is_empty() {
        return match excludes {
            true => "nothing is left: --exclude leaves out every sync that is selected\n".to_owned(),
            false => "the project has no syncs\n".to_owned(),
        };
    }
    let row = |sync: &SyncDocument| {
        let schedule = match sync.paused_since {
            _ if !sync.enabled => "disabled".to_owned(),
            Some(since) => format!("paused since {}", time(since)),
            None => sync.schedule.clone(),
        };
        vec![
            sync.sync.clone(),
            sync.call_type.to_string(),
            sync.source.clone(),
            schedule,
            sync.destinations.join(", "),
            sync.tags.join(", "),
            sync.description.clone(),
        ]
    };
    let head = ["sync", "type", "source", "schedule", "destinations", "tags", "description"];
    table(&head, &list.syncs.iter().map(row).collect::<Vec<_>>())
}
