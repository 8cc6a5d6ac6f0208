//! `outflow alerts`: what is wrong now, and whether receivers can be reached.

use outflow_app::{AlertDocument, Errors};

use crate::cli::{Alerts, AlertsCommand};
use crate::exit::Exit;
use crate::front::Front;
use crate::hints;
use crate::output::{Printer, table, time};
use crate::progress;

/// Lists, or tests.
pub async fn alerts(front: &Front, args: &Alerts, printer: Printer) -> Result<Exit, Errors> {
    match args.what {
        None => list(front, printer).await,
        Some(AlertsCommand::Test) => test(front, printer).await,
    }
}

async fn list(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    let list = front.alerts().await?;
    if printer.is_ndjson() {
        list.alerts.iter().for_each(|alert| printer.document(alert, |_| String::new()));
    } else {
        printer.document(&list, |list| people(&list.alerts));
    }
    Ok(Exit::Done)
}

/// Alerts for people.
pub fn people(alerts: &[AlertDocument]) -> String {
    if alerts.is_empty() {
        return "nothing is wrong as far as is known\n".to_owned();
    }
    let row = |a: &AlertDocument| {
        let code = a.code.map(|c| c.to_string()).unwrap_or_default();
        let what = match hints::of_alert(a) {
            Some(hint) => format!("{}; {hint}", a.message),
            None => a.message.clone(),
        };
        vec![a.alert.clone(), a.subject.clone(), time(a.since), code, what]
    };
    table(&["alert", "subject", "since", "code", "what"], &alerts.iter().map(row).collect::<Vec<_>>())
}

async fn test(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    let test = front.test_alerts(&progress::caller(printer)).await?;
    let errors = test.receivers.iter().filter_map(|r| r.error.as_ref());
    let failed = errors.inspect(|error| printer.error(error)).count() > 0;
    printer.document(&test, |test| match test.receivers.is_empty() {
        true => "the project names nobody to tell: alerts.to in outflow.yaml\n".to_owned(),
        false => {
            let word = |reported| if reported { "reported" } else { "not reported" }.to_owned();
            let rows: Vec<_> =
                test.receivers.iter().map(|r| vec![r.receiver.clone(), word(r.reported)]).collect();
            table(&["receiver", "test alert"], &rows)
        }
    });
    Ok(if failed { Exit::Destination } else { Exit::Done })
}
