//! `outflow verify`: proves that a run's numbers add up, from its segments and its state.

use outflow_app::{App, Errors, Verification};

use super::outcome;
use crate::cli::RunName;
use crate::exit::Exit;
use crate::output::{Printer, count};

/// Recounts and prints what does not agree. Exit code 1 if anything does not.
pub async fn verify(app: &App, name: &RunName, printer: Printer) -> Result<Exit, Errors> {
    let found = app.verify(name.name()).await?;
    printer.document(&found, people);
    Ok(if found.is_right() { Exit::Done } else { Exit::Failed })
}

fn people(v: &Verification) -> String {
    let mut text = format!("run {} of {}: ", v.run, v.sync);
    text += &if v.segments {
        let [calls, unchanged, rejected] = [v.calls, v.unchanged, v.rejected].map(count);
        format!("{calls} calls, {unchanged} unchanged and {rejected} rejected rows found in its segments\n")
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
