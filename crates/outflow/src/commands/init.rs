//! `outflow init`: a project to start from.

use std::path::Path;

use outflow_app::{Errors, InitRequest};

use crate::cli::Init;
use crate::exit::Exit;
use crate::output::{Printer, counted};

/// Writes the files and says what to do next.
pub fn init(args: &Init, printer: Printer) -> Result<Exit, Errors> {
    let request = InitRequest {
        dir: args.dir.clone(),
        kind: args.kind,
        from_dbt: args.from_dbt.clone(),
        select: args.select.clone(),
    };
    let written = outflow_app::init(&request)?;
    written
        .files
        .iter()
        .for_each(|file| printer.say(&format!("wrote {}", file.strip_prefix(".").unwrap_or(file).display())));
    if args.from_dbt.is_some() {
        printer.say(&format!(
            "{}, disabled until you have looked at them",
            counted(written.syncs.len() as u64, "sync")
        ));
    }
    let sync = written.syncs.first().map_or("users", String::as_str);
    let there =
        if args.dir == Path::new(".") { String::new() } else { format!("cd {} && ", args.dir.display()) };
    printer
        .say("next: write the address of the warehouse into outflow.yaml, and its secrets into .env, then");
    printer.say(&format!("  {there}outflow source test warehouse"));
    printer.say("  outflow validate");
    printer.say(&format!("  outflow preview {sync} --calls"));
    printer.say(&format!("  outflow run {sync}"));
    Ok(Exit::Done)
}
