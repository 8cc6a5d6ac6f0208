//! The `outflow` binary: arguments, printing, progress, exit codes, signals, and the demo. What
//! Outflow does is in `outflow_app`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

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
use outflow_telemetry::log::{self, Filter, LogFormat};
use tracing::level_filters::LevelFilter;

use crate::cli::{Cli, Command, Common};
use crate::exit::Exit;
use crate::output::Printer;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let printer = Printer::new(&cli.common);
    start_log(&cli, printer);
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

/// `serve` reports by its log alone. Other commands print what happens to their runs and what ends
/// them, and log the rest.
fn start_log(cli: &Cli, printer: Printer) {
    let common = &cli.common;
    let format = match common.log_format {
        Some(format) => format.into(),
        None if printer.is_machine() => LogFormat::Json,
        None => LogFormat::Text,
    };
    let serves = matches!(cli.command, Command::Serve(_));
    let usual = match common {
        Common { verbose: true, .. } => LevelFilter::DEBUG,
        _ if serves => LevelFilter::INFO,
        Common { quiet: true, .. } => LevelFilter::ERROR,
        _ => LevelFilter::WARN,
    };
    let filter = match &common.log {
        Some(filter) if !filter.is_empty() => filter.clone(),
        _ if serves || common.verbose => Filter::default(),
        _ => Filter::without_events(),
    };
    log::install(format, &filter, usual, progress::write_beside_bars);
}
