//! Findings about a project for people, and as an exit code.

use outflow_app::Finding;

use crate::exit::Exit;
use crate::output::Printer;

/// Prints them. With `--quiet` only errors are printed.
pub fn print(findings: &[Finding], printer: Printer) {
    for finding in findings {
        if finding.is_error() || !printer.is_quiet() {
            printer.error(&finding.error);
        }
    }
}

/// What they mean for the exit code. Warnings and notes mean nothing.
pub fn exit(findings: &[Finding]) -> Exit {
    let errors = findings.iter().filter(|f| f.is_error());
    errors.map(|f| Exit::of(&f.error)).fold(Exit::Done, Exit::or)
}
