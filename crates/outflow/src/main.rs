//! The `outflow` binary: arguments, printing, progress, exit codes, signals, and the demo. What
//! Outflow does is in `outflow_app`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod cli;
mod commands;
mod demo;
mod exit;
mod front;
mod hidden;
mod hints;
mod output;
mod progress;
mod servers;
mod signals;

use std::process::ExitCode;

use outflow_telemetry::log::{self, Filter, LogFormat};
use tracing::level_filters::LevelFilter;

use crate::cli::{Cli, Command, Common};
use crate::exit::Exit;
use crate::output::Printer;

/// Threads for work that waits for the disk. Hundreds of syncs that begin at once make no more, and
/// what is beyond waits: no such work waits for other work of its kind.
const BLOCKING_THREADS: usize = 64;

fn main() -> ExitCode {
    let cli = cli::help::parse();
    let serves = matches!(cli.command, Command::Serve(_));
    let printer = Printer::new(&cli.common);
    let printer = if serves { printer.into_log() } else { printer };
    report_panics(serves);
    start_log(&cli, printer);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.say(&format!("the operating system gave no threads: {error}"));
            return ExitCode::from(Exit::Failed.code());
        }
    };
    let strict = cli.common.strict;
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
    ExitCode::from(exit.with_strictness(strict).code())
}

/// A panic is a mistake in Outflow. Its message may quote what was worked on, a row included, so
/// that the log of `serve` has only its place.
fn report_panics(serves: bool) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().filter(|_| !serves).unwrap_or_default();
        let line = format!("a mistake in Outflow, please report it: panic at {place} {message}");
        progress::write_beside_bars(&output::harmless(line.trim_end()));
    }));
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
