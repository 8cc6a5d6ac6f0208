//! A few sessions for reads, and the frame of a read.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use outflow_core::clock::later;
use outflow_core::{Result, hash};
use tokio::sync::Semaphore;

use super::address::Address;
use super::fault::{Fault, Remedy};
use super::session::Session;

/// As many reads go on at the same time.
const READS: usize = 4;
/// How long a read or a write may take.
pub(super) const ANSWER: Duration = Duration::from_secs(60);

/// Sessions for reads. A session that failed is not used again.
pub(super) struct Pool {
    pub(super) address: Address,
    /// How long a read or a write waits for a server that has gone.
    pub(super) patience: Duration,
    turns: Semaphore,
    idle: Mutex<Vec<Arc<Session>>>,
}

impl Pool {
    pub(super) fn new(address: Address, patience: Duration) -> Self {
        Self { address, patience, turns: Semaphore::new(READS), idle: Mutex::default() }
    }

    /// Reads. A connection that is lost meanwhile is replaced, and the read repeated.
    pub(super) async fn read<T, F>(&self, read: impl Fn(Arc<Session>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let _turn = self.turns.acquire().await.expect("nothing closes it");
        let mut patience = Patience::new(self.patience);
        loop {
            let fault = match self.try_to_read(&read).await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            if fault.remedy() == Remedy::None || !patience.wait().await {
                return Err(fault.into_failed());
            }
        }
    }

    async fn try_to_read<T, F>(&self, read: &impl Fn(Arc<Session>) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let idle = self.take_idle();
        let session = match idle {
            Some(session) => session,
            None => Session::connect(&self.address).await?,
        };
        let done = tokio::time::timeout(ANSWER, read(Arc::clone(&session)));
        let done = done.await.unwrap_or(Err(Fault::Silence))?;
        self.put(session);
        Ok(done)
    }

    /// Lends this session to a later read.
    pub(super) fn put(&self, session: Arc<Session>) {
        self.idle().push(session);
    }

    fn take_idle(&self) -> Option<Arc<Session>> {
        let mut idle = self.idle();
        idle.retain(|session| !session.has_ended());
        idle.pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long and how often something is tried again.
pub(super) struct Patience {
    until: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(time: Duration) -> Self {
        Self { until: later(Instant::now(), time), pause: Duration::from_millis(20) }
    }

    /// Waits for the next try. `false`: the time is over.
    pub(super) async fn wait(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        // Not all at the same moment, if many wait.
        let part = hash::random().map_or(0, |n| n as u32 % 512);
        let pause = self.pause.as_secs_f64() * (1.0 + f64::from(part) / 1024.0);
        tokio::time::sleep(Duration::try_from_secs_f64(pause).unwrap_or(self.pause)).await;
        self.pause = self.pause.saturating_mul(2).min(Duration::from_secs(1));
        true
    }
}
