//! The `outflow` binary: the command line and the wiring. Everything it does is done by the crates; here it is put together and shown.

mod cli;
mod commands;
mod control;
mod demo;
mod exit;
mod output;
mod progress;
mod signals;
mod wiring;

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
                errors.0.iter().map(Exit::of).fold(Exit::Done, Exit::or)
            }
        }
    });
    // Work that waits for the disk or for a lock must not keep the process from ending.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}
