//! `outflow validate`: every problem of a project's files, and on request what its databases say.

use outflow_app::{App, ExpectedRows, ValidationDocument};

use super::findings;
use crate::cli::Validate;
use crate::exit::Exit;
use crate::output::{Printer, count, counted};

/// Prints the problems, the warnings and the notes.
pub async fn validate(app: &App, args: &Validate, printer: Printer) -> Exit {
    let document = app.validate(args.connect).await;
    let expected = document.expected.as_deref().unwrap_or_default();
    if printer.is_ndjson() {
        document.findings.iter().for_each(|f| printer.document(f, |_| String::new()));
        expected.iter().for_each(|e| printer.document(e, |_| String::new()));
    } else {
        if printer.is_table() {
            findings::print(&document.findings, printer);
            expected.iter().filter_map(expected_line).for_each(|line| printer.say(&line));
        }
        printer.document(&document, people);
    }
    findings::exit(&document.findings)
}

fn people(document: &ValidationDocument) -> String {
    match document.counts {
        Some((databases, destinations, syncs)) if document.valid => {
            let [databases, destinations, syncs] =
                [(databases, "database"), (destinations, "destination"), (syncs, "sync")]
                    .map(|(n, thing)| counted(n as u64, thing));
            format!("valid: {databases}, {destinations}, {syncs}\n")
        }
        _ => format!(
            "{}\n",
            counted(document.findings.iter().filter(|f| f.is_error()).count() as u64, "problem")
        ),
    }
}

fn expected_line(rows: &ExpectedRows) -> Option<String> {
    let first = rows.expected.first_run?;
    let mut line = format!(
        "sync {}: the database expects {} of {} in a first run",
        rows.sync,
        counted(first.rows, "row"),
        counted(first.width, "byte")
    );
    if let Some(later) = rows.expected.later_run {
        line += &format!(", {} in a later one", count(later.rows));
    }
    Some(line)
}
