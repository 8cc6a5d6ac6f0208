//! One run of a sync, ready to be made.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::{Clock, Code, Error, SyncSpec, SystemClock, Timestamp};
use outflow_engine::serve::side::SideRequests;
use outflow_engine::{Engine, Observer, RunRequest as EngineRequest, schedule};
use outflow_project::Project;
use outflow_telemetry::log;

use crate::{Event, Listener, RunOutcome, wiring};

/// A sync to run, how, and when it was due if its schedule says so.
pub(crate) struct Job {
    pub(crate) spec: SyncSpec,
    pub(crate) options: RunOptions,
    pub(crate) due_at: Option<Timestamp>,
}

/// The circumstances of runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) delivery_timeout: Duration,
    pub(crate) wait: bool,
    pub(crate) parallel: usize,
    /// New runs are made even if syncs have runs that have not ended.
    pub(crate) beside: bool,
}

/// The slot of a sync that has come and has not been fired.
pub(crate) async fn due(
    engine: &Engine,
    spec: &SyncSpec,
    listener: &Listener,
) -> Result<Option<Timestamp>, Error> {
    let (slots, now) = (schedule::Slots::of(&spec.schedule), SystemClock.now());
    let Some(position) = engine.position(spec, &slots, now).await? else { return Ok(None) };
    if let Some(event) = position.reset {
        observer(listener, &spec.name)(event);
    }
    Ok(position.due)
}

/// One run, ready to be made.
pub(crate) fn make_run(
    engine: &Engine,
    project: &Project,
    job: Job,
    circumstances: Circumstances,
    observer: Observer,
    requests: Option<&Arc<SideRequests>>,
) -> Result<impl Future<Output = RunOutcome> + Send + 'static, Error> {
    let Job { spec, options, due_at } = job;
    let warehouse = wiring::warehouse(project, &spec)?;
    let request = EngineRequest {
        trigger: match (options.replay(), due_at) {
            (Some(_), _) => RunTrigger::Replay,
            (None, Some(_)) => RunTrigger::Schedule,
            (None, None) => RunTrigger::Manual,
        },
        options,
        due_at,
        delivery_timeout: Some(circumstances.delivery_timeout),
        backlog: project.limits.backlog,
        side: requests.cloned(),
        observer,
    };
    let (engine, sync) = (engine.clone(), spec.name.clone());
    let making = async move {
        if *engine.stop.borrow() {
            let message = format!("{} did not begin: interrupted", spec.name);
            return RunOutcome::failed(spec.name, Error::new(Code::Interrupted, message));
        }
        let ended = if circumstances.beside {
            engine.run_beside(&spec, warehouse.as_ref(), &request).await
        } else {
            engine.run(&spec, warehouse.as_ref(), &request).await
        };
        match ended {
            Ok(document) => RunOutcome::Ran(Box::new(document)),
            Err(errors) => RunOutcome::failed(spec.name, errors),
        }
    };
    Ok(async move {
        // The text of a panic can hold a row value.
        tokio::spawn(making).await.unwrap_or_else(|_| {
            let message = format!("the run of {sync} ended unexpectedly");
            let error = Error::new(Code::TaskFailed, message).help("run it again: nothing is lost");
            RunOutcome::failed(sync, error)
        })
    })
}

/// Passes the events of a sync's run on.
pub(crate) fn observer(listener: &Listener, sync: &str) -> Observer {
    let (listener, sync) = (listener.clone(), sync.to_owned());
    Arc::new(move |event| {
        log::event(&event);
        listener(Event::Run { sync: &sync, event });
    })
}
