//! `outflow init`: a project to start from.

use outflow_app::{Errors, InitRequest};

use crate::cli::Init;
use crate::exit::Exit;
use crate::output::Printer;

/// Writes the files and says what to do next.
pub fn init(args: &Init, printer: Printer) -> Result<Exit, Errors> {
    let written = outflow_app::init(&InitRequest { dir: args.dir.clone(), kind: args.kind })?;
    written.files.iter().for_each(|file| printer.say(&format!("wrote {}", file.display())));
    let dir = args.dir.display();
    printer.say("next:");
    printer.say("  set the environment variables that outflow.yaml names, then");
    printer.say(&format!("  outflow --project {dir} validate"));
    printer.say(&format!("  outflow --project {dir} preview users --calls"));
    printer.say(&format!("  outflow --project {dir} run users"));
    Ok(Exit::Done)
}
