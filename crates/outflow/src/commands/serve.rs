//! `outflow serve`: keeps every enabled sync of the project running.

use std::sync::Arc;

use outflow_app::{App, Caller, Errors, ServeRequest};

use crate::cli::Serve;
use crate::exit::Exit;
use crate::signals;

/// Runs until a signal.
pub async fn serve(app: &App, args: &Serve) -> Result<Exit, Errors> {
    let front_end = Arc::new(outflow_server::Server::new());
    let request = ServeRequest {
        wait: !args.no_wait,
        metrics: args.metrics,
        listen: args.listen,
        front_end: Some(front_end),
    };
    // The log says what happens.
    let caller = Caller { stop: signals::listen(), listener: Arc::new(|_| {}) };
    app.serve(request, signals::hang_ups(), &caller).await?;
    Ok(Exit::Done)
}
