//! `outflow serve`: keeps every enabled sync of the project running.

use std::sync::Arc;

use outflow_app::{App, Caller, Errors, Event, ServeRequest};

use crate::cli::Serve;
use crate::exit::Exit;
use crate::output::{Printer, time};
use crate::signals;

/// Runs until a signal.
pub async fn serve(app: &App, args: &Serve, printer: Printer) -> Result<Exit, Errors> {
    let front_end = Arc::new(outflow_server::Server::new());
    let request = ServeRequest {
        wait: !args.no_wait,
        metrics: args.metrics,
        listen: args.listen,
        front_end: Some(front_end),
    };
    // The log says what happens. What makes the first administrator is in no log.
    let listener = move |event: Event<'_>| {
        if let Event::SetUp { token, until } = event {
            let token = token.expose();
            let until = time(until);
            printer.say(&format!(
                "there is no user yet; this makes the first administrator until {until}: {token}"
            ));
        }
    };
    let caller = Caller { stop: signals::listen(), listener: Arc::new(listener) };
    app.serve(request, signals::hang_ups(), &caller).await?;
    Ok(Exit::Done)
}
