//! What each command does.

mod alerts;
mod approval;
mod backfill;
mod dead_letters;
mod estimate;
mod explain;
mod findings;
mod follow;
mod holder;
pub mod init;
mod look;
pub mod outcome;
mod preview;
mod purge;
mod rejected;
mod replay;
pub mod run;
mod runs;
mod schema;
mod serve;
mod source;
mod status;
mod usage;
mod validate;
mod verify;

use clap::CommandFactory;
use outflow_engine::Errors;
use serde_json::json;

use crate::cli::{Cli, Command};
use crate::demo;
use crate::exit::Exit;
use crate::output::Printer;

/// Does what was typed.
pub async fn dispatch(cli: Cli, printer: Printer) -> Result<Exit, Errors> {
    let common = cli.common;
    match cli.command {
        Command::Demo(args) => demo::demo(&common, &args, printer).await,
        Command::Init(args) => init::init(&args, printer),
        Command::Validate(args) => validate::validate(&common, &args, printer).await,
        Command::Source(command) => source::source(&common, &command, printer).await,
        Command::Preview(args) => preview::preview(&common, &args, printer).await,
        Command::Estimate(args) => estimate::estimate(&common, &args, printer).await,
        Command::Run(args) => run::run(&common, &args, printer).await,
        Command::Serve(args) => serve::serve(&common, &args, printer).await,
        Command::Runs(args) => runs::runs(&common, &args, printer),
        Command::Status => status::status(&common, printer).await,
        Command::Alerts(args) => alerts::alerts(&common, &args, printer).await,
        Command::Rejected(args) => rejected::rejected(&common, &args, printer),
        Command::DeadLetters(args) => dead_letters::dead_letters(&common, &args, printer),
        Command::Replay(args) => replay::replay(&common, &args, printer).await,
        Command::Backfill(args) => backfill::backfill(&common, &args, printer).await,
        Command::Purge(args) => purge::purge(&common, &args, printer).await,
        Command::Approve(args) => approval::approve(&common, &args, printer).await,
        Command::Reject(args) => approval::reject(&common, &args, printer).await,
        Command::Usage(args) => usage::usage(&common, &args, printer),
        Command::Verify(args) => verify::verify(&common, &args, printer),
        Command::Explain { code } => explain::explain(code.as_deref(), printer),
        Command::Schema => {
            printer.text(&(serde_json::to_string_pretty(&schema::schema()).unwrap_or_default() + "\n"));
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "outflow", &mut script);
            printer.text(&String::from_utf8_lossy(&script));
            Ok(Exit::Done)
        }
        Command::Version => {
            let version = json!({ "format_version": 1, "version": env!("CARGO_PKG_VERSION") });
            printer.document(&version, |_| format!("outflow {}\n", env!("CARGO_PKG_VERSION")));
            Ok(Exit::Done)
        }
    }
}
