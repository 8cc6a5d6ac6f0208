//! Who holds the state: this process takes it, waits for it, or has a running `serve` do the work.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::state::{State, StateStore};
use outflow_core::run::RunOptions;
use outflow_core::{BoxFuture, Code, Error, RunId};
use outflow_engine::{Engine, Errors};
use outflow_project::Project;
use tokio::task::JoinSet;

use crate::control::{self, Answer, Request};
use crate::outcome::RunOutcome;
use crate::{App, Caller, Event, wiring};

/// How often a waiting process looks whether a `serve` can take its request.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a running `serve` is to do.
pub(crate) struct Handover {
    /// The runs.
    pub(crate) runs: Vec<(String, RunOptions)>,
    /// A destination that takes nothing for this long is not waited for.
    pub(crate) delivery_timeout: Duration,
}

/// What came of trying to take the state.
pub(crate) enum Taken {
    /// This process has it.
    State(Arc<dyn State>),
    /// A running `serve` has it, and has made the runs.
    Done(Vec<RunOutcome>),
}

impl App {
    /// Asks the running `serve`, if there is one, until the caller stops. In the process that
    /// serves, that is this process.
    pub(crate) async fn ask(&self, request: &Request, caller: &Caller) -> Result<Option<Answer>, Error> {
        let asked = async {
            match self.slot.get() {
                Some(serves) => serves.answer(request.clone(), self.actor.clone()).await.map(Some),
                None => control::ask(&self.folder, request, &self.actor).await,
            }
        };
        tokio::select! {
            answer = asked => answer,
            () = stopped(caller) => {
                let what = "interrupted before the running Outflow answered; it may go on with the request";
                Err(Error::new(Code::Interrupted, what))
            }
        }
    }

    /// Has a running `serve` make the runs, if there is one, and follows them.
    async fn hand_over(
        &self,
        Handover { runs: wanted, delivery_timeout }: &Handover,
        caller: &Caller,
    ) -> Result<Option<Vec<RunOutcome>>, Errors> {
        if self.ask(&Request::Status, caller).await?.is_none() {
            return Ok(None);
        }
        // All are requested before the first is followed: one that takes long keeps no other from
        // beginning.
        let (mut begun, mut outcomes) = (Vec::<RunId>::new(), Vec::new());
        for (sync, options) in wanted {
            let request = Request::Run { sync: sync.clone(), options: options.clone() };
            match self.ask(&request, caller).await {
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
        // Side by side, so that the delivery timeout is that of each.
        let mut followers = JoinSet::new();
        for run in begun {
            let (app, caller, timeout) = (self.clone(), caller.clone(), *delivery_timeout);
            followers.spawn(async move { app.follow(run, timeout, &caller).await });
        }
        while let Some(followed) = followers.join_next().await {
            let failed = |e| Error::new(Code::RunLost, "following a run ended before its time").caused_by(e);
            outcomes.push(RunOutcome::Ran(Box::new(followed.map_err(failed)??)));
        }
        outcomes.sort_by_key(|o| wanted.iter().position(|(sync, _)| sync == o.sync()));
        outcomes.iter().for_each(|o| (caller.listener)(Event::Ended(o)));
        Ok(Some(outcomes))
    }

    /// Has a running `serve` make the runs, or takes the state. A `serve` that starts while this
    /// process waits for the state gets the request, too: it keeps the state for good.
    pub(crate) async fn take(
        &self,
        wanted: Option<Handover>,
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
            let (stopped, socket) = (stopped(caller), self.folder.clone());
            let enough = async move {
                let listens = async {
                    while !(may_ask && control::listens(&socket)) {
                        tokio::time::sleep(LOOK_EVERY).await;
                    }
                };
                tokio::select! { () = stopped => {}, () = listens => {} }
            };
            match claim(&*self.store().await?, wait, Box::pin(enough), caller).await {
                Ok(state) => return Ok(Taken::State(state)),
                Err(_) if may_ask && wait && !*caller.stop.borrow() && control::listens(&self.folder) => {}
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
        let state = open_state(self, wait, caller).await?;
        Ok(wiring::engine(&self.folder, project, state, caller.stop.clone()).await?)
    }
}

/// Takes the state, or waits for the process that has it.
pub(crate) async fn open_state(app: &App, wait: bool, caller: &Caller) -> Result<Arc<dyn State>, Error> {
    claim_unless_stopped(&*app.store().await?, wait, caller).await
}

/// Claims a store, or waits for the process that has it, until the caller stops.
pub(crate) async fn claim_unless_stopped(
    store: &dyn StateStore,
    wait: bool,
    caller: &Caller,
) -> Result<Arc<dyn State>, Error> {
    claim(store, wait, stopped(caller), caller).await
}

async fn claim(
    store: &dyn StateStore,
    wait: bool,
    enough: BoxFuture<'static, ()>,
    caller: &Caller,
) -> Result<Arc<dyn State>, Error> {
    match store.claim(None).await {
        Err(error) if error.code() == Code::StateHeld && wait => {}
        claimed => return claimed,
    }
    (caller.listener)(Event::WaitingForState);
    store.claim(Some(enough)).await
}

/// Resolves when the caller stops.
fn stopped(caller: &Caller) -> BoxFuture<'static, ()> {
    let mut stop = caller.stop.clone();
    Box::pin(async move {
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
