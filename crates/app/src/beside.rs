//! Slots that are due while another `outflow run` is at work: it has the state, so it takes them.
//!
//! What always holds: each sync stands for itself. One that the process at work is not running is
//! run at once; one that it is running gets a run behind the earlier ones or a skipped run that
//! says why, as under `serve`. The process at work ends when all of that has ended. What this
//! module does not do: hand slots to a `serve`, which watches them itself.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outflow_core::{Actor, Code, Error, RunId, SyncSpec, Timestamp};
use outflow_engine::serve::side::{Begun, SideRequests};
use outflow_engine::{Engine, Errors, Event as RunEvent, Observer};
use outflow_project::Project;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::control::{self, Answer, DueAnswer, Request, Socket};
use crate::making::{Circumstances, Job, due, make_run, observer};
use crate::recorded::{self, Act};
use crate::{App, Caller, Event, Listener, RunOutcome};

impl App {
    /// Has the `outflow run` that is at work take the slots that are due, if there is one. With
    /// `wait` its runs are followed to their end.
    pub(crate) async fn hand_over_due(
        &self,
        wait: bool,
        delivery_timeout: Duration,
        caller: &Caller,
    ) -> Result<Option<Vec<RunOutcome>>, Errors> {
        let answer = match control::ask_worker(&self.folder, &Request::Due, &self.actor).await {
            Ok(Some(Answer::Due(answer))) => answer,
            // One that is about to end answers no more: then the state is free.
            _ => return Ok(None),
        };
        let mut outcomes = Vec::new();
        for (sync, run) in answer.started {
            (caller.listener)(Event::HandedOver { sync: &sync, run });
            outcomes.push(match wait {
                true => RunOutcome::Ran(Box::new(self.follow(run, delivery_timeout, caller).await?)),
                false => RunOutcome::Queued { sync },
            });
        }
        outcomes.extend(answer.coming.into_iter().map(|sync| RunOutcome::Queued { sync }));
        outcomes.extend(answer.skipped.into_iter().map(|(sync, run)| RunOutcome::Skipped { sync, run }));
        let failed = |(sync, code, text)| RunOutcome::failed(sync, Error::new(code, text));
        outcomes.extend(answer.failed.into_iter().map(failed));
        outcomes.iter().for_each(|outcome| (caller.listener)(Event::Ended(outcome)));
        Ok(Some(outcomes))
    }
}

/// The process at work, as it takes slots beside what it was asked for.
#[derive(Clone)]
pub(crate) struct Worker {
    engine: Engine,
    project: Arc<Project>,
    circumstances: Circumstances,
    pub(crate) requests: Arc<SideRequests>,
    listener: Listener,
    /// Runs that were begun for others.
    jobs: Arc<Mutex<JoinSet<()>>>,
    /// One request at a time: no slot is taken twice.
    one: Arc<tokio::sync::Mutex<()>>,
}

impl Worker {
    pub(crate) fn new(
        engine: &Engine,
        project: Arc<Project>,
        circumstances: Circumstances,
        listener: &Listener,
    ) -> Self {
        let (engine, listener) = (engine.clone(), listener.clone());
        let (requests, jobs, one) = Default::default();
        Self { engine, project, circumstances, requests, listener, jobs, one }
    }

    /// Takes slots while `work` is done, and then ends what was begun for others. Where no socket
    /// can be made, others wait for the state.
    pub(crate) async fn beside<T>(&self, folder: &Path, work: impl Future<Output = T>) -> T {
        let answering = async {
            if let Ok(socket) = Socket::listen_for_work(folder) {
                let worker = self.clone();
                socket.serve(move |request, actor| worker.clone().answer(request, actor)).await;
            }
            std::future::pending::<Infallible>().await
        };
        let done = tokio::select! {
            done = work => done,
            never = answering => match never {},
        };
        let _last = self.one.lock().await;
        let mut jobs = std::mem::take(&mut *self.jobs.lock().unwrap_or_else(PoisonError::into_inner));
        while jobs.join_next().await.is_some() {}
        done
    }

    async fn answer(self, request: Request, actor: Actor) -> Result<Answer, Error> {
        match request {
            Request::Due => {}
            Request::TestAlerts => {
                let state = &self.engine.state;
                let act = Act::of(&request, state.installation());
                recorded::begin(&**state, &actor, act.as_slice()).await?;
                return Ok(Answer::Recorded);
            }
            _ => return Err(control::other_answer()),
        }
        let _one = self.one.lock().await;
        let mut answer = DueAnswer::default();
        let is_scheduled = |spec: &&SyncSpec| self.engine.paused.is_scheduled(spec);
        for spec in self.project.syncs.iter().filter(is_scheduled) {
            let name = spec.name.clone();
            let Some(slot) = due(&self.engine, spec, &self.listener).await? else { continue };
            let observer = observer(&self.listener, &name);
            match self.engine.slot_beside(&self.requests, spec, slot, &observer).await? {
                Some(Begun::Started(run)) => answer.started.push((name, run)),
                Some(Begun::Skipped(run)) => answer.skipped.push((name, run)),
                Some(Begun::Coming) => answer.coming.push(name),
                None => match self.begin(spec.clone(), slot).await {
                    Ok(run) => answer.started.push((name, run)),
                    Err(error) => answer.failed.push((name, error.code(), error.message().to_owned())),
                },
            }
        }
        Ok(Answer::Due(answer))
    }

    /// Runs a sync that is not being run here. Resolves when its run has begun.
    async fn begin(&self, spec: SyncSpec, slot: Timestamp) -> Result<RunId, Error> {
        let (told, begun) = oneshot::channel();
        let sync = spec.name.clone();
        let job = Job { spec, options: Default::default(), due_at: Some(slot) };
        let observer = first_started(observer(&self.listener, &sync), told);
        let requests = Some(&self.requests);
        let making = make_run(&self.engine, &self.project, job, self.circumstances, observer, requests)?;
        let listener = self.listener.clone();
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            let outcome = making.await;
            listener(Event::Ended(&outcome));
        });
        let ended = || {
            let message = format!("the run of {sync} ended before it began");
            Error::new(Code::Interrupted, message)
        };
        begun.await.map_err(|_| ended())
    }
}

/// Says which run begins first.
fn first_started(observer: Observer, told: oneshot::Sender<RunId>) -> Observer {
    let told = Mutex::new(Some(told));
    Arc::new(move |event| {
        if let RunEvent::Started { run, .. } = &event
            && let Some(told) = told.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            let _ = told.send(*run);
        }
        observer(event);
    })
}
