//! Following a run that the server makes.
//!
//! What always holds: following ends as it does beside a running Outflow: with the run, when only
//! destinations are left that take nothing, and when the caller stops. The run itself goes on.

use std::collections::HashMap;
use std::time::Duration;

use outflow_app::{Caller, Errors, Event, Reason, RunDocument, RunListEntry, RunOutcome, StartedRun};
use outflow_core::{Code, DeliveryState, Error, RunId, RunState};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::events::may_pass;
use crate::{Server, ServerEvent, answer};

/// How often it is looked whether a destination takes something.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Server {
    /// Waits until a run has ended, awaits approval, waits only for destinations that take nothing,
    /// or the caller stops.
    ///
    /// # Errors
    /// C040: the server cannot be reached any more.
    pub(crate) async fn follow(
        &self,
        run: RunId,
        delivery_timeout: Duration,
        caller: &Caller,
    ) -> Result<RunDocument, Errors> {
        let (mut events, mut stop) = (Listening::to(self, run), caller.stop.clone());
        let mut progress = Progress { within: delivery_timeout, seen: HashMap::new() };
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.reset();
        loop {
            let (found, is_stopped) = tokio::select! {
                event = events.news.recv() => match event.transpose()?.flatten() {
                    Some(event) if event.event == "run" => (self.entry(event.data)?, false),
                    Some(_) => continue,
                    None => (self.entry_of(run).await?, false),
                },
                _ = look.tick() => match self.entry_of(run).await {
                    Ok(found) => (found, false),
                    // Whoever listens to the events knows when the server is gone for good.
                    Err(errors) if may_pass(&errors) => continue,
                    Err(errors) => return Err(errors),
                },
                () = stopped(&mut stop) => (self.entry_of(run).await?, true),
            };
            let mut document = found.document;
            if document.state.is_final() || document.state == RunState::AwaitingApproval {
                return Ok(document);
            }
            if is_stopped {
                (caller.listener)(Event::LeftRunning { sync: &document.sync, run });
                return Ok(document);
            }
            if progress.is_stuck(&mut document) {
                return Ok(document);
            }
        }
    }

    /// A run as it is now.
    pub(crate) async fn entry_of(&self, run: RunId) -> Result<RunListEntry, Errors> {
        self.get(format!("runs/{run}")).document().await
    }

    fn entry(&self, data: serde_json::Value) -> Result<RunListEntry, Errors> {
        answer::of_value(self, data)
    }

    /// Follows runs that have begun, side by side, and says what came of each, in their order.
    pub(crate) async fn follow_all(
        &self,
        started: Vec<StartedRun>,
        delivery_timeout: Duration,
        caller: &Caller,
    ) -> Result<Vec<RunOutcome>, Errors> {
        let mut followers = JoinSet::new();
        let mut outcomes = Vec::new();
        for (at, StartedRun { sync, run, behind, .. }) in started.into_iter().enumerate() {
            let Some(run) = run else {
                (caller.listener)(Event::Queued { sync: &sync, behind });
                outcomes.push((at, RunOutcome::Queued { sync }));
                continue;
            };
            (caller.listener)(Event::HandedOver { sync: &sync, run });
            let (server, caller) = (self.clone(), caller.clone());
            followers.spawn(async move { (at, server.follow(run, delivery_timeout, &caller).await) });
        }
        while let Some(followed) = followers.join_next().await {
            let failed = |e| Error::new(Code::RunLost, "following a run ended before its time").caused_by(e);
            let (at, document) = followed.map_err(failed)?;
            outcomes.push((at, RunOutcome::Ran(Box::new(document?))));
        }
        outcomes.sort_by_key(|(at, _)| *at);
        let outcomes: Vec<RunOutcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
        outcomes.iter().for_each(|outcome| (caller.listener)(Event::Ended(outcome)));
        Ok(outcomes)
    }
}

/// A task that listens to the events of a run, until this is dropped.
struct Listening {
    news: mpsc::Receiver<Result<Option<ServerEvent>, Errors>>,
    task: JoinHandle<()>,
}

impl Listening {
    fn to(server: &Server, run: RunId) -> Self {
        let (sender, news) = mpsc::channel(16);
        let mut events = server.events(run);
        let task = tokio::spawn(async move {
            loop {
                let next = events.next().await;
                let (has_ended, has_failed) = (matches!(next, Ok(None)), next.is_err());
                if sender.send(next).await.is_err() || has_failed {
                    return;
                }
                if has_ended {
                    sleep(LOOK_EVERY).await;
                }
            }
        });
        Self { news, task }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the deliveries of a run have done so far.
struct Progress {
    within: Duration,
    /// The calls that a delivery had pending, and since when it has had that many.
    seen: HashMap<String, (u64, Instant)>,
}

impl Progress {
    /// Whether a delivery has stopped and none is left that goes on. Those that do not go on become
    /// stopped ones, with the reason.
    fn is_stuck(&mut self, document: &mut RunDocument) -> bool {
        let earlier = std::mem::take(&mut document.earlier);
        for (name, delivery) in &mut document.destinations {
            if delivery.state != DeliveryState::Delivering {
                continue;
            }
            let pending = delivery.counts.pending;
            let seen = self.seen.entry(name.clone()).or_insert((pending, Instant::now()));
            if seen.0 != pending {
                *seen = (pending, Instant::now());
            }
            let (code, message) = match earlier.iter().find(|earlier| earlier.destination == *name) {
                Some(earlier) => {
                    let (run, Reason { code, message }) = (earlier.run, &earlier.reason);
                    (*code, format!("it waits behind run {run}, which stopped: {message}"))
                }
                None if seen.1.elapsed() >= self.within => {
                    let text =
                        format!("it has taken nothing for {:?}; the running Outflow goes on", self.within);
                    (Code::DeliveryTimeout, text)
                }
                None => continue,
            };
            (delivery.state, delivery.reason) = (DeliveryState::Stopped, Some(Reason { code, message }));
        }
        let any = |state| document.destinations.iter().any(|(_, d)| d.state == state);
        let is_stuck = any(DeliveryState::Stopped) && !any(DeliveryState::Delivering);
        let waits = |name: &str| {
            document.destinations.iter().any(|(of, d)| of == name && d.state == DeliveryState::Stopped)
        };
        document.earlier = earlier.into_iter().filter(|earlier| !waits(&earlier.destination)).collect();
        is_stuck
    }
}

/// Resolves when the caller stops.
async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
