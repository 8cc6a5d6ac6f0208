//! How a front end answers while this process serves: `App::serve` has it listen before the first
//! run, keeps it alive beside the supervisor, and ends it with the process.
//!
//! What always holds: a front end answers on threads of its own. Syncs keep theirs busy for long at
//! a time, and an answer would wait for one of them at each step.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::resume_unwind;

use outflow_core::{BoxFuture, Code, Error};
pub use outflow_egress::Network;
pub use outflow_project::{ServerSettings, TlsFiles};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

use crate::App;

/// A front end that answers over the network.
pub trait FrontEnd: Send + Sync {
    /// Takes the address, and whatever else can fail. Nothing is answered yet.
    ///
    /// # Errors
    /// C005: the address is not this machine's, or is taken. What is wrong with the settings.
    fn listen(&self, app: App, settings: ServerSettings) -> BoxFuture<'_, Result<Box<dyn Listening>, Error>>;
}

/// A front end that has its address.
pub trait Listening: Send + Sync {
    /// The address.
    fn address(&self) -> SocketAddr;

    /// Answers for ever. After a panic it is called again.
    fn answer(&self) -> BoxFuture<'static, ()>;
}

/// Threads that answer, and threads of theirs that wait for the disk.
const ANSWERING: usize = 2;
const WAITING: usize = 16;

/// The threads on which a front end answers. They end when this is dropped.
pub(crate) struct Threads(Option<Runtime>);

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// E008: the operating system gives none.
    pub(crate) fn start() -> Result<Self, Error> {
        let mut builder = Builder::new_multi_thread();
        builder.enable_all().worker_threads(ANSWERING).max_blocking_threads(WAITING);
        let started = builder.thread_name("outflow-api").build();
        let none = |e| Error::new(Code::TaskFailed, "the operating system gave no threads").caused_by(e);
        Ok(Self(Some(started.map_err(none)?)))
    }

    /// Has them do this. A panic there is one here; what is dropped here ends there.
    pub(crate) fn run<W>(&self, work: W) -> impl Future<Output = Result<W::Output, Error>> + Send + use<W>
    where
        W: Future<Output: Send + 'static> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        let threads = self.0.as_ref().map_or_else(Handle::current, |threads| threads.handle().clone());
        tasks.spawn_on(work, &threads);
        async move {
            match tasks.join_next().await {
                Some(Ok(done)) => Ok(done),
                Some(Err(ended)) if ended.is_panic() => resume_unwind(ended.into_panic()),
                _ => Err(Error::new(Code::TaskFailed, "the threads that answer have ended")),
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for them is not allowed on a thread of the supervisor.
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_front_end_goes_on_while_the_other_threads_are_busy() {
        let threads = Threads::start().unwrap();
        let (done, answered) = mpsc::channel();
        let _answering = threads.run(async move { done.send(()).unwrap() });
        // This blocks the only thread of the test.
        answered.recv().unwrap();
    }

    #[tokio::test]
    async fn what_is_dropped_here_ends_there_and_a_panic_there_is_one_here() {
        let threads = Threads::start().unwrap();
        assert_eq!(threads.run(async { 7 }).await.unwrap(), 7);
        let (held, ended) = oneshot::channel::<()>();
        let waiting = threads.run(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        drop(waiting);
        ended.await.unwrap_err();
        let broken = tokio::spawn(threads.run(async { panic!("on purpose") }));
        assert!(broken.await.unwrap_err().is_panic());
        drop(threads);
    }
}
