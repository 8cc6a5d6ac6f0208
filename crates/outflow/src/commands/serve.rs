//! `outflow serve`: keeps every enabled sync of the project running.

use std::sync::Arc;

use outflow_app::{App, Caller, Errors, ServeRequest};
use outflow_telemetry::log::{Log, LogFormat};

use crate::cli::Serve;
use crate::exit::Exit;
use crate::output::Printer;
use crate::signals;

/// Runs until a signal.
pub async fn serve(app: &App, args: &Serve, printer: Printer) -> Result<Exit, Errors> {
    let usual = if printer.is_machine() { LogFormat::Json } else { LogFormat::Text };
    let log = Log::new(args.log_format.map_or(usual, Into::into));
    let request = ServeRequest { wait: !args.no_wait, metrics: args.metrics };
    // The log says what happens.
    let caller = Caller { stop: signals::listen(), listener: Arc::new(|_| {}) };
    app.serve(request, log, signals::hang_ups(), &caller).await?;
    Ok(Exit::Done)
}
