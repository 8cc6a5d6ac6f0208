//! The `outflow` binary: arguments, printing, progress, exit codes, signals, and the demo. What
//! Outflow does is in `outflow_app`.

mod cli;
mod commands;
mod demo;
mod exit;
mod hints;
mod output;
mod progress;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::output::Printer;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer::new(&cli.common);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.say(&format!("the operating system gave no threads: {error}"));
            return ExitCode::from(Exit::Failed.code());
        }
    };
    let exit = runtime.block_on(async {
        match commands::dispatch(cli, printer).await {
            Ok(exit) => exit,
            Err(errors) => {
                errors.0.iter().for_each(|e| printer.error(e));
                Exit::of_all(&errors)
            }
        }
    });
    // Work that waits for the disk or for a lock must not keep the process from ending.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}
