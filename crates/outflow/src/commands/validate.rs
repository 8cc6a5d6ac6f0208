//! `outflow validate`: every problem of a project's files, and on request what its databases say.

use outflow_app::{App, ExpectedRows, ValidationDocument};

use super::findings;
use crate::cli::Validate;
use crate::exit::Exit;
use crate::output::{Printer, count};

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
            format!("valid: {databases} databases, {destinations} destinations, {syncs} syncs\n")
        }
        _ => format!("{} problems\n", document.findings.iter().filter(|f| f.is_error()).count()),
    }
}

fn expected_line(rows: &ExpectedRows) -> Option<String> {
    let first = rows.expected.first_run?;
    let mut line = format!(
        "sync {}: the database expects {} rows of {} bytes in a first run",
        rows.sync,
        count(first.rows),
        first.width
    );
    if let Some(later) = rows.expected.later_run {
        line += &format!(", {} in a later one", count(later.rows));
    }
    Some(line)
}
