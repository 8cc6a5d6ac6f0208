//! Who has the state: this process takes it, waits for it, or has a running `serve` do what is asked.

use std::sync::Arc;

use outflow_core::ports::state::State;
use outflow_core::run::RunOptions;
use outflow_core::{Code, Error, RunId};
use outflow_engine::Errors;
use outflow_state::SqliteState;
use tokio::sync::watch;

use super::follow;
use super::outcome::Outcome;
use crate::cli::Common;
use crate::control::{self, Ask};
use crate::output::Printer;
use crate::wiring;

/// Has a running `serve` do it, if there is one, and follows the runs.
async fn hand_over(
    common: &Common,
    asks: &[(String, RunOptions)],
    printer: Printer,
) -> Result<Option<Vec<Outcome>>, Errors> {
    let dir = wiring::state_dir(common);
    if control::ask(&dir, &Ask::Status).await?.is_none() {
        return Ok(None);
    }
    // All are asked for before the first is followed: one that takes long keeps no other from beginning.
    let (mut begun, mut outcomes) = (Vec::new(), Vec::new());
    for (sync, options) in asks {
        let ask = Ask::Run { sync: sync.clone(), options: options.clone() };
        match control::ask(&dir, &ask).await {
            Ok(None) => return Ok(None),
            Err(error) => outcomes.push(Outcome::Failed(sync.clone(), error.into())),
            Ok(Some(answer)) => match answer["started"].as_u64() {
                Some(run) => {
                    printer.say(&format!("{sync}: run {run} begins in the running Outflow"));
                    begun.push(RunId(run));
                }
                None => {
                    let behind = &answer["behind"];
                    printer
                        .say(&format!("{sync}: its run {behind} is in progress; it runs again behind that"));
                    outcomes.push(Outcome::Remembered(sync.clone()));
                }
            },
        }
    }
    for run in begun {
        outcomes.push(Outcome::Ran(Box::new(follow::to_its_end(common, run).await?)));
    }
    outcomes.sort_by_key(|o| asks.iter().position(|(sync, _)| sync == o.sync()));
    outcomes.iter().for_each(|o| o.tell(printer));
    Ok(Some(outcomes))
}

/// What came of trying to take the state.
pub enum Taken {
    /// This process has it.
    State(Arc<dyn State>),
    /// A running `serve` has it, and did what it was asked to.
    Done(Vec<Outcome>),
}

/// Has a running `serve` do what is asked, or takes the state. A `serve` that comes up while the state is waited for is asked, too: it keeps the state for good.
pub async fn take(
    common: &Common,
    asks: Option<Vec<(String, RunOptions)>>,
    no_wait: bool,
    stop: &watch::Receiver<bool>,
    printer: Printer,
) -> Result<Taken, Errors> {
    let dir = wiring::state_dir(common);
    let may_ask = asks.is_some();
    loop {
        if let Some(asks) = &asks
            && let Some(outcomes) = hand_over(common, asks, printer).await?
        {
            return Ok(Taken::Done(outcomes));
        }
        let (asked, socket) = (stop.clone(), dir.clone());
        let enough = move || *asked.borrow() || (may_ask && control::listens(&socket));
        match open_unless(common, no_wait, enough, printer).await {
            Ok(state) => return Ok(Taken::State(Arc::new(state))),
            Err(_) if may_ask && !no_wait && !*stop.borrow() && control::listens(&dir) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Takes the state, or waits for the process that has it.
pub async fn open_state(
    common: &Common,
    no_wait: bool,
    stop: &watch::Receiver<bool>,
    printer: Printer,
) -> Result<SqliteState, Error> {
    let asked = stop.clone();
    open_unless(common, no_wait, move || *asked.borrow(), printer).await
}

async fn open_unless(
    common: &Common,
    no_wait: bool,
    enough: impl Fn() -> bool + Send + 'static,
    printer: Printer,
) -> Result<SqliteState, Error> {
    let dir = wiring::state_dir(common);
    match SqliteState::open(&dir) {
        Ok(state) => return Ok(state),
        Err(error) if error.code() != Code::StateHeld || no_wait => return Err(error),
        Err(_) => printer.say("another process is at work here; waiting for it (--no-wait exits instead)"),
    }
    let waiting = tokio::task::spawn_blocking(move || SqliteState::open_waiting(&dir, enough));
    match waiting.await {
        Ok(opened) => opened,
        Err(join) => {
            Err(Error::new(Code::StateUnavailable, "waiting for the state ended before its time")
                .caused_by(join))
        }
    }
}
