//! Who holds the state: this process takes it, waits for it, or has a running `serve` do the work.

use std::sync::Arc;

use outflow_core::ports::state::State;
use outflow_core::run::RunOptions;
use outflow_core::{Code, Error, RunId};
use outflow_engine::{Engine, Errors};
use outflow_project::Project;
use outflow_state::SqliteState;

use crate::control::{self, Answer, Request};
use crate::outcome::RunOutcome;
use crate::{App, Caller, Event, wiring};

/// What came of trying to take the state.
pub(crate) enum Taken {
    /// This process has it.
    State(Arc<dyn State>),
    /// A running `serve` has it, and has made the runs.
    Done(Vec<RunOutcome>),
}

impl App {
    /// Has a running `serve` make the runs, if there is one, and follows them.
    async fn hand_over(
        &self,
        wanted: &[(String, RunOptions)],
        caller: &Caller,
    ) -> Result<Option<Vec<RunOutcome>>, Errors> {
        if control::ask(&self.state, &Request::Status).await?.is_none() {
            return Ok(None);
        }
        // All are requested before the first is followed: one that takes long keeps no other from
        // beginning.
        let (mut begun, mut outcomes) = (Vec::<RunId>::new(), Vec::new());
        for (sync, options) in wanted {
            let request = Request::Run { sync: sync.clone(), options: options.clone() };
            match control::ask(&self.state, &request).await {
                Ok(None) => return Ok(None),
                Ok(Some(Answer::Started(run))) => {
                    (caller.listener)(Event::HandedOver { sync, run });
                    begun.push(run);
                }
                Ok(Some(Answer::Queued { behind })) => {
                    (caller.listener)(Event::Queued { sync, behind });
                    outcomes.push(RunOutcome::Queued { sync: sync.clone() });
                }
                Ok(Some(_)) => outcomes.push(RunOutcome::failed(sync.clone(), control::other_answer())),
                Err(error) => outcomes.push(RunOutcome::failed(sync.clone(), error)),
            }
        }
        for run in begun {
            outcomes.push(RunOutcome::Ran(Box::new(self.follow(run).await?)));
        }
        outcomes.sort_by_key(|o| wanted.iter().position(|(sync, _)| sync == o.sync()));
        outcomes.iter().for_each(|o| (caller.listener)(Event::Ended(o)));
        Ok(Some(outcomes))
    }

    /// Has a running `serve` make the runs, or takes the state. A `serve` that starts while this
    /// process waits for the state gets the request, too: it keeps the state for good.
    pub(crate) async fn take(
        &self,
        wanted: Option<Vec<(String, RunOptions)>>,
        wait: bool,
        caller: &Caller,
    ) -> Result<Taken, Errors> {
        let may_ask = wanted.is_some();
        loop {
            if let Some(wanted) = &wanted
                && let Some(outcomes) = self.hand_over(wanted, caller).await?
            {
                return Ok(Taken::Done(outcomes));
            }
            let (stop, socket) = (caller.stop.clone(), self.state.clone());
            let enough = move || *stop.borrow() || (may_ask && control::listens(&socket));
            match open_unless(self, wait, enough, caller).await {
                Ok(state) => return Ok(Taken::State(Arc::new(state))),
                Err(_) if may_ask && wait && !*caller.stop.borrow() && control::listens(&self.state) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// An engine for this project that holds the state. Waits for the state if `wait` says so.
    pub(crate) async fn engine(
        &self,
        project: &Project,
        wait: bool,
        caller: &Caller,
    ) -> Result<Engine, Errors> {
        let state = Arc::new(open_state(self, wait, caller).await?);
        Ok(wiring::engine(&self.state, project, state, caller.stop.clone())?)
    }
}

/// Takes the state, or waits for the process that has it.
pub(crate) async fn open_state(app: &App, wait: bool, caller: &Caller) -> Result<SqliteState, Error> {
    let stop = caller.stop.clone();
    open_unless(app, wait, move || *stop.borrow(), caller).await
}

async fn open_unless(
    app: &App,
    wait: bool,
    enough: impl Fn() -> bool + Send + 'static,
    caller: &Caller,
) -> Result<SqliteState, Error> {
    let dir = app.state.clone();
    match SqliteState::open(&dir) {
        Ok(state) => return Ok(state),
        Err(error) if error.code() != Code::StateHeld || !wait => return Err(error),
        Err(_) => (caller.listener)(Event::WaitingForState),
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
