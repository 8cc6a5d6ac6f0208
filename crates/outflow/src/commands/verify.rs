//! `outflow verify`: proves that a run's numbers add up, from its segments and its state; with
//! `--all` checks the whole state.

use outflow_app::{Errors, StateVerification, Verification};

use super::outcome;
use crate::cli::Verify;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, count, counted};

/// Recounts and prints what does not agree. Exit code 1 if anything does not.
pub async fn verify(front: &Front, args: &Verify, printer: Printer) -> Result<Exit, Errors> {
    if args.all {
        let found = front.verify_all().await?;
        printer.document(&found, everything);
        return Ok(if found.problems.is_empty() { Exit::Done } else { Exit::Failed });
    }
    let found = front.verify(args.run.name()).await?;
    printer.document(&found, people);
    Ok(if found.is_right() { Exit::Done } else { Exit::Failed })
}

fn people(v: &Verification) -> String {
    let mut text = format!("run {} of {}: ", v.run, v.sync);
    text += &if v.segments {
        let (calls, rejected) = (counted(v.calls, "call"), counted(v.rejected, "rejected row"));
        // Runs of older versions alone keep unchanged calls.
        let unchanged =
            if v.unchanged > 0 { format!(", {} unchanged", count(v.unchanged)) } else { String::new() };
        format!("{calls}{unchanged} and {rejected} found in its segments\n")
    } else {
        "it has no segments (any more); the state alone was checked\n".to_owned()
    };
    for gap in outcome::missing(&v.missing) {
        text += &format!("error[{}]: {}\n", gap.code(), gap.message());
        text += &gap.help_text().map(|help| format!("  {help}\n")).unwrap_or_default();
    }
    if v.differences.is_empty() {
        return text + "everything adds up\n";
    }
    for difference in &v.differences {
        text += &format!("error[E002]: {difference}\n");
    }
    text
}

fn everything(v: &StateVerification) -> String {
    let mut text = format!("{}, {} of them with segments\n", counted(v.runs, "run"), count(v.with_segments));
    for problem in &v.problems {
        let run = problem.run.map(|run| format!("run {run}: ")).unwrap_or_default();
        text += &format!("error[{}]: {run}{}\n", problem.code, problem.message);
    }
    if v.problems.is_empty() { text + "everything adds up\n" } else { text }
}
