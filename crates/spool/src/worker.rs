//! A thread that does one extraction's blocking work, fed by an async caller.
//!
//! Jobs wait in a short queue, so the caller waits when the thread is behind. What the thread ends
//! with is the error of the caller's next step. The drop of a worker waits until the thread has
//! ended: the folder that it wrote to can then be used again.

use std::collections::VecDeque;
use std::path::Path;
use std::thread::JoinHandle;

use outflow_core::{Code, Error, Result};
use tokio::sync::{mpsc, oneshot};

use crate::disk::failed;

/// Jobs that wait for the thread.
pub(crate) const QUEUE: usize = 2;

/// The caller's side of a thread that takes jobs and ends with a result.
pub(crate) struct Worker<J, T> {
    jobs: Option<mpsc::Sender<J>>,
    result: oneshot::Receiver<Result<T>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread's side.
pub(crate) struct Jobs<J>(mpsc::Receiver<J>);

impl<J> Jobs<J> {
    /// Waits for the next job. `None`: no more come.
    pub(crate) fn next(&mut self) -> Option<J> {
        self.0.blocking_recv()
    }
}

impl<J: Send + 'static, T: Send + 'static> Worker<J, T> {
    /// Starts a thread of that name, which writes to the folder `dir`.
    pub(crate) fn start(
        name: &str,
        dir: &Path,
        work: impl FnOnce(Jobs<J>) -> Result<T> + Send + 'static,
    ) -> Result<Self> {
        let (jobs, received) = mpsc::channel(QUEUE);
        let (ended, result) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // The caller may have given up.
                let _ = ended.send(work(Jobs(received)));
            })
            .map_err(|e| failed("start a thread that writes to", dir, e))?;
        Ok(Self { jobs: Some(jobs), result, thread: Some(thread) })
    }

    /// Hands over all of these jobs in order. Those that were not handed over when the future is
    /// dropped, or on an error, stay in `jobs`.
    pub(crate) async fn send_all(&mut self, jobs: &mut VecDeque<J>) -> Result<()> {
        let Some(sender) = self.jobs.clone() else { return Err(after_failure()) };
        while !jobs.is_empty() {
            let Ok(room) = sender.reserve().await else {
                return Err(self.end().await.err().unwrap_or_else(after_failure));
            };
            if let Some(job) = jobs.pop_front() {
                room.send(job);
            }
        }
        Ok(())
    }

    /// Waits for what the thread ends with. No more jobs come.
    pub(crate) async fn end(&mut self) -> Result<T> {
        if self.jobs.take().is_none() {
            return Err(after_failure());
        }
        (&mut self.result).await.unwrap_or_else(|_| Err(after_failure()))
    }
}

impl<J, T> Drop for Worker<J, T> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn after_failure() -> Error {
    Error::new(Code::SpoolIo, "nothing more can be written after an error")
        .help("the first error says why; run again")
}

/// Runs blocking work off the async threads. It continues when the future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(join) => Err(Error::new(Code::SpoolIo, "a background task failed").caused_by(join)),
    }
}
