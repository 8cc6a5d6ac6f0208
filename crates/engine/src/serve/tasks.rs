//! Keeps tasks alive: a task that panics or ends with an error is reported and started again, with
//! growing pauses and a limit.
//!
//! What always holds:
//! - A panic ends nothing but the task that it is in.
//! - A task that fails more than [`RestartPolicy::times`] times within [`RestartPolicy::within`] is
//!   *down*: it stays so until the project is reloaded. All other tasks go on.
//! - The text of a panic can hold a row value: it is in no event, status or alert.
//! - An error of the state ends the supervisor, as nothing can go on without it.
//!
//! What it does not do: repair what a task left behind. Each task begins from the state.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outflow_core::codes::Area;
use outflow_core::{BoxFuture, Code, Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Shared;
use crate::event::Event;
use crate::stop::stopped;

/// How a task that fails is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// The pause after the first failure. Each further one is twice as long …
    pub first: Duration,
    /// … up to this.
    pub longest: Duration,
    /// After more failures than this …
    pub times: usize,
    /// … within this time the task stays down.
    pub within: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { first: seconds(1), longest: seconds(60), times: 5, within: seconds(600) }
    }
}

/// A task that has failed since the process began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskStatus {
    /// What it does, such as `delivery of users to journeys`.
    pub task: String,
    /// How often it has failed.
    pub failures: u64,
    /// When it last did.
    pub last: Timestamp,
    /// Why.
    pub code: Code,
    /// Whether it stays down until the project is reloaded.
    pub down: bool,
}

/// The tasks that have failed.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<BTreeMap<String, Record>>);

struct Record {
    failures: u64,
    recent: VecDeque<Instant>,
    last: Timestamp,
    code: Code,
    is_down: bool,
}

impl Tasks {
    /// Counts a failure. Returns the pause before the task is started again; `None`: it stays down.
    pub(crate) fn failed(
        &self,
        task: &str,
        code: Code,
        (now, at): (Instant, Timestamp),
        policy: &RestartPolicy,
    ) -> Option<Duration> {
        let mut records = self.lock();
        let new = || Record { failures: 0, recent: VecDeque::new(), last: at, code, is_down: false };
        let record = records.entry(task.to_owned()).or_insert_with(new);
        record.failures = record.failures.saturating_add(1);
        (record.last, record.code) = (at, code);
        record.recent.push_back(now);
        record.forget(now, policy);
        if record.recent.len() > policy.times {
            record.is_down = true;
            return None;
        }
        let doubled = record.recent.len().saturating_sub(1).min(16) as u32;
        Some(policy.first.saturating_mul(1 << doubled).min(policy.longest))
    }

    /// The task is started again by a reload.
    fn revive(&self, task: &str) {
        if let Some(record) = self.lock().get_mut(task) {
            record.is_down = false;
            record.recent.clear();
        }
    }

    /// All tasks that have failed.
    pub(crate) fn status(&self) -> Vec<TaskStatus> {
        let status = |(task, record): (&String, &Record)| TaskStatus {
            task: task.clone(),
            failures: record.failures,
            last: record.last,
            code: record.code,
            down: record.is_down,
        };
        self.lock().iter().map(status).collect()
    }

    /// Those that are down or have failed lately.
    pub(crate) fn troubled(&self, now: Instant, policy: &RestartPolicy) -> Vec<TaskStatus> {
        self.lock().values_mut().for_each(|record| record.forget(now, policy));
        let lately = |task: &str| self.lock().get(task).is_some_and(|r| r.is_down || !r.recent.is_empty());
        self.status().into_iter().filter(|status| lately(&status.task)).collect()
    }

    /// Whether a task is down.
    pub(crate) fn is_down(&self, task: &str) -> bool {
        self.lock().get(task).is_some_and(|record| record.is_down)
    }

    /// An error if a task is down as the process ends.
    pub(crate) fn at_the_end(&self) -> Result<()> {
        let down: Vec<String> = self.status().into_iter().filter(|s| s.down).map(|s| s.task).collect();
        if down.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::TaskFailed, format!("these tasks were down at the end: {}", down.join(", ")))
            .help("see the log for when each of them failed, and report it"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// Failures before the policy's time no longer count.
    fn forget(&mut self, now: Instant, policy: &RestartPolicy) {
        self.recent.retain(|at| now.saturating_duration_since(*at) < policy.within);
    }
}

/// Runs a future in a task of its own, so that its panic is a result. Dropping this future ends the
/// task.
pub(crate) async fn contained<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> std::result::Result<T, JoinError> {
    let mut only = JoinSet::new();
    only.spawn(future.in_current_span());
    match only.join_next().await {
        Some(joined) => joined,
        // A set with a task has a next one.
        None => std::future::pending().await,
    }
}

/// The error of a task that panicked. The text of the panic is left out.
pub(crate) fn panicked(task: &str) -> Error {
    Error::new(Code::TaskFailed, format!("the {task} ended unexpectedly"))
        .help("this is a mistake in Outflow; please report it with what stderr says about the panic")
}

/// What is done when a task is down, beside waiting for a reload.
pub(crate) type WhenDown<'a> = &'a (dyn Fn() -> BoxFuture<'static, ()> + Send + Sync);

/// Runs what `make` makes until it ends without an error or the process stops. What fails is made
/// again.
///
/// # Errors
/// Those of the state, and what ends the task during a stop.
pub(crate) async fn keep<F>(
    shared: &Shared,
    task: &str,
    make: impl Fn() -> F,
    when_down: WhenDown<'_>,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut stop = shared.config().engine.stop.clone();
    let mut reloads = shared.config.clone();
    loop {
        let error = match contained(make()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if error.code().area() == Area::State => return Err(error),
            Ok(Err(error)) => error,
            Err(_) => panicked(task),
        };
        if *stop.borrow() {
            return Err(error);
        }
        let (now, policy) = (Instant::now(), shared.config().limits.restarts);
        let at = shared.config().engine.clock.now();
        let pause = shared.tasks.failed(task, error.code(), (now, at), &policy);
        report(shared, error);
        let goes_on = match pause {
            Some(pause) => tokio::select! {
                () = stopped(&mut stop) => false,
                () = tokio::time::sleep(pause) => true,
            },
            None => {
                reloads.mark_unchanged();
                // What it does must not end this task.
                drop(contained(when_down()).await);
                let is_reloaded = tokio::select! {
                    () = stopped(&mut stop) => false,
                    changed = reloads.changed() => changed.is_ok(),
                };
                if is_reloaded {
                    shared.tasks.revive(task);
                }
                is_reloaded
            }
        };
        if !goes_on {
            return Ok(());
        }
    }
}

/// Reports a failure.
pub(crate) fn report(shared: &Shared, error: Error) {
    event(shared, Event::Problem { error: std::sync::Arc::new(error) });
}

/// Passes an event on, also if the observer is what panics.
pub(crate) fn event(shared: &Shared, event: Event) {
    // The observer is the only one to report to.
    let _ = catch_unwind(AssertUnwindSafe(|| (shared.observer)(event)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RestartPolicy = RestartPolicy {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(5),
        times: 5,
        within: Duration::from_secs(600),
    };

    fn fail(tasks: &Tasks, now: Instant) -> Option<u64> {
        let moment = (now, Timestamp::UNIX_EPOCH);
        tasks.failed("watch", Code::TaskFailed, moment, &POLICY).map(|pause| pause.as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_too_many_failures_in_a_time_keep_a_task_down_until_it_is_revived() {
        let (tasks, start) = (Tasks::default(), Instant::now());
        let pauses: Vec<_> = (0..6).map(|_| fail(&tasks, start)).collect();
        assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(5), Some(5), None]);
        assert!(tasks.is_down("watch") && tasks.at_the_end().is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(tasks.troubled(Instant::now(), &POLICY).len(), 1, "it is down still");
        tasks.revive("watch");
        assert!(!tasks.is_down("watch") && tasks.at_the_end().is_ok());
        assert_eq!(fail(&tasks, Instant::now()), Some(1));
        assert_eq!(tasks.status()[0].failures, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_are_far_apart_never_keep_a_task_down() {
        let tasks = Tasks::default();
        for _ in 0..100 {
            assert_eq!(fail(&tasks, Instant::now()), Some(1));
            assert_eq!(tasks.troubled(Instant::now(), &POLICY).len(), 1);
            tokio::time::advance(POLICY.within).await;
            assert_eq!(tasks.troubled(Instant::now(), &POLICY), []);
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_result_and_its_text_is_told_to_nobody() {
        let joined = contained(async { panic!("the row is 4711") }).await;
        assert!(joined.is_err_and(|e: JoinError| e.is_panic()));
        assert!(!format!("{:?}", panicked("watch")).contains("4711"));
    }
}
