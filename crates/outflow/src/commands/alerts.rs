//! `outflow alerts`: what fires now, and whether receivers can be reached.

use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Clock as _, SystemClock};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_telemetry::alerts::Note;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cli::{Alerts, AlertsCommand, Common};
use crate::exit::Exit;
use crate::output::{Printer, table};
use crate::wiring;
use outflow_project::Project;

/// Lists, or tests.
pub async fn alerts(common: &Common, args: &Alerts, printer: Printer) -> Result<Exit, Errors> {
    match args.what {
        None => list(common, printer),
        Some(AlertsCommand::Test) => test(common, printer).await,
    }
}

fn list(common: &Common, printer: Printer) -> Result<Exit, Errors> {
    let mut alerts = wiring::reader(common)?.state.alerts()?;
    alerts.retain(|a| a.recovered_at.is_none());
    let entries: Vec<Value> = alerts.iter().map(entry).collect();
    if printer.is_ndjson() {
        entries.iter().for_each(|e| printer.document(e, |_| String::new()));
    } else {
        let document = json!({ "format_version": FORMAT_VERSION, "alerts": entries });
        printer.document(&document, |_| people(&alerts));
    }
    Ok(Exit::Done)
}

/// One alert as a document.
pub fn entry(a: &AlertRecord) -> Value {
    json!({
        "format_version": FORMAT_VERSION, "alert": a.kind, "subject": a.subject, "code": a.code, "message": a.message,
        "since": a.since, "told": a.told,
    })
}

/// Alerts for people.
pub fn people(alerts: &[AlertRecord]) -> String {
    if alerts.is_empty() {
        return "nothing is wrong as far as is known\n".to_owned();
    }
    let row = |a: &AlertRecord| {
        let code = a.code.map(|c| c.to_string()).unwrap_or_default();
        vec![
            a.kind.clone(),
            a.subject.clone(),
            a.since.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            code,
            a.message.clone(),
        ]
    };
    table(&["alert", "subject", "since", "code", "what"], &alerts.iter().map(row).collect::<Vec<_>>())
}

/// One try for each receiver, side by side.
async fn test(common: &Common, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    let note = Note::test(SystemClock.now());
    let mut tasks = JoinSet::new();
    for (n, receiver) in wiring::receivers(&project).into_iter().enumerate() {
        let note = note.clone();
        tasks.spawn(async move {
            let told = receiver.tell(&note).await.map_err(|e| e.at(format!("receiver {}", receiver.name)));
            (n, told, receiver.name)
        });
    }
    let (mut exit, mut told) = (Exit::Done, Vec::new());
    while let Some(joined) = tasks.join_next().await {
        if let Ok(outcome) = joined {
            told.push(outcome);
        }
    }
    told.sort_by_key(|(n, ..)| *n);
    let mut entries = Vec::new();
    for (_, outcome, name) in &told {
        let error = outcome.as_ref().err();
        if let Some(error) = error {
            printer.error(error);
            exit = exit.or(Exit::Destination);
        }
        entries.push(json!({ "receiver": name, "told": error.is_none(), "error": error.map(crate::output::error_document) }));
    }
    let document = json!({ "format_version": FORMAT_VERSION, "receivers": entries });
    printer.document(&document, |_| match told.is_empty() {
        true => "the project names nobody to tell: alerts.to in outflow.yaml\n".to_owned(),
        false => {
            let row = |(_, outcome, name): &(usize, Result<(), _>, String)| {
                vec![name.clone(), if outcome.is_ok() { "told" } else { "not told" }.to_owned()]
            };
            table(&["receiver", "test alert"], &told.iter().map(row).collect::<Vec<_>>())
        }
    });
    Ok(exit)
}
