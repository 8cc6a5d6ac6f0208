//! The frame of a write: one transaction under the claim, repeated until it counts exactly once.
//!
//! What always holds:
//! - A write changes the claim's row before anything else. Writes of one installation thus follow
//!   each other, also across processes: what a write reads does not change before it commits, and
//!   no two of them can wait for each other.
//! - The row keeps the mark of the last write. When the connection breaks during COMMIT, the next
//!   session reads there whether the write counts; if it does, it is not repeated.
//! - A session whose transaction did not end in an orderly way is closed, and with it the
//!   transaction.

use std::future::Future;
use std::sync::Arc;

use outflow_core::{BoxFuture, Error, Result, hash};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::claim::Claim;
use super::fault::{Fault, Remedy, taken_over};
use super::handle::PostgresState;
use super::pool::{ANSWER, Patience};
use super::session::Session;

/// What a handle needs to write.
pub(super) struct Writes {
    pub(super) claim: Claim,
    again: Option<TryAgain>,
    /// The session for writes, if one is open.
    session: Mutex<Option<Arc<Session>>>,
}

/// Resolves when a write is to be tried again that found no room or no server, and says whether it
/// is.
pub(super) type TryAgain = Arc<dyn Fn(&Error) -> BoxFuture<'static, bool> + Send + Sync>;

/// How a try to write ended without success.
enum Failure<T> {
    /// Nothing counts.
    Nothing(Fault),
    /// Whether it counts is open; what the write gives if it does.
    Unknown(Fault, T),
}

impl<T> From<Fault> for Failure<T> {
    fn from(fault: Fault) -> Self {
        Self::Nothing(fault)
    }
}

impl Writes {
    pub(super) fn new(claim: Claim, session: Arc<Session>, again: Option<TryAgain>) -> Self {
        Self { claim, again, session: Mutex::new(Some(session)) }
    }

    /// Whether the error is temporary, so that it is worth waiting.
    async fn is_awaited(&self, error: &Error) -> bool {
        match &self.again {
            Some(again) => again(error).await,
            None => false,
        }
    }

    /// Begins a transaction, if the claim is still valid.
    async fn begin(&self, session: &Session, mark: u128) -> Result<(), Fault> {
        let sql = "UPDATE claims SET last_write = $3 WHERE key = $1 AND token = $2";
        let (token, mark) = (self.claim.lease.token.to_be_bytes(), mark.to_be_bytes());
        let (token, mark) = (token.as_slice(), mark.as_slice());
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&self.claim.lease.key, &token, &mark];
        // Both travel at once.
        let (begun, claimed) = tokio::join!(biased; session.batch("BEGIN"), session.execute(sql, &values));
        begun?;
        if claimed? == 0 { Err(taken_over().into()) } else { Ok(()) }
    }

    /// Whether the write with this mark counts. Waits for its transaction to end, should that still
    /// run.
    async fn counts(&self, session: &Session, mark: u128) -> Result<bool, Fault> {
        let sql = "SELECT last_write FROM claims WHERE key = $1 AND token = $2 FOR UPDATE";
        let token = self.claim.lease.token.to_be_bytes();
        let row = session.one(sql, &[&self.claim.lease.key, &token.as_slice()]).await?;
        let last: Option<Vec<u8>> = row.ok_or_else(taken_over)?.try_get(0)?;
        Ok(last.is_some_and(|last| last == mark.to_be_bytes()))
    }
}

impl PostgresState<Writes> {
    /// Writes in one transaction. `work` may be called more than once, and counts once.
    pub(super) async fn write<T, F>(&self, work: impl Fn(Arc<Session>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut idle = self.writes.session.lock().await;
        let mut patience = Patience::new(self.pool.patience);
        loop {
            let mark = hash::random()?;
            let tried = self.try_to_write(&mut idle, &work, mark).await;
            let fault = match tried {
                Ok(done) => return Ok(done),
                Err(Failure::Nothing(fault)) => fault,
                Err(Failure::Unknown(fault, done)) => {
                    if self.find_out(&mut idle, mark, &mut patience, fault).await? {
                        return Ok(done);
                    }
                    continue;
                }
            };
            let (remedy, may_pass) = (fault.remedy(), fault.may_pass());
            if remedy != Remedy::None && patience.wait().await {
                continue;
            }
            let error = fault.into_failed();
            if !(may_pass && self.writes.is_awaited(&error).await) {
                return Err(error);
            }
            patience = Patience::new(self.pool.patience);
        }
    }

    /// The session is put back only after an orderly end: a dropped future takes it along.
    async fn try_to_write<T, F>(
        &self,
        idle: &mut Option<Arc<Session>>,
        work: &impl Fn(Arc<Session>) -> F,
        mark: u128,
    ) -> Result<T, Failure<T>>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let session = self.writer(idle).await?;
        let body = async {
            self.writes.begin(&session, mark).await?;
            work(Arc::clone(&session)).await
        };
        let done = match timeout(ANSWER, body).await.unwrap_or(Err(Fault::Silence)) {
            Ok(done) => done,
            Err(fault) => {
                if fault.remedy() != Remedy::Reconnect && session.batch("ROLLBACK").await.is_ok() {
                    *idle = Some(session);
                }
                return Err(Failure::Nothing(fault));
            }
        };
        match timeout(ANSWER, session.batch("COMMIT")).await.unwrap_or(Err(Fault::Silence)) {
            Ok(()) => {
                *idle = Some(session);
                Ok(done)
            }
            Err(fault) if fault.remedy() == Remedy::Reconnect => Err(Failure::Unknown(fault, done)),
            Err(fault) => Err(Failure::Nothing(fault)),
        }
    }

    /// Asks until there is an answer whether the write with this mark counts.
    async fn find_out(
        &self,
        idle: &mut Option<Arc<Session>>,
        mark: u128,
        patience: &mut Patience,
        fault: Fault,
    ) -> Result<bool> {
        loop {
            let asked = async {
                let session = self.writer(idle).await?;
                let counts = self.writes.counts(&session, mark).await?;
                *idle = Some(session);
                Ok(counts)
            };
            match timeout(ANSWER, asked).await.unwrap_or(Err(Fault::Silence)) {
                Ok(counts) => return Ok(counts),
                Err(Fault::Known(error)) => return Err(error),
                Err(_) if patience.wait().await => {}
                Err(_) => {
                    let error = fault.to_unknown();
                    if !self.writes.is_awaited(&error).await {
                        return Err(error);
                    }
                    *patience = Patience::new(self.pool.patience);
                }
            }
        }
    }

    async fn writer(&self, idle: &mut Option<Arc<Session>>) -> Result<Arc<Session>, Fault> {
        match idle.take().filter(|session| !session.has_ended()) {
            Some(session) => Ok(session),
            None => Session::connect(&self.pool.address).await,
        }
    }

    /// Rewrites every table. Under the claim, though not in a transaction: the server allows
    /// none.
    pub(super) async fn rewrite(&self, tables: &[&str]) -> Result<()> {
        self.write(|_| async { Ok(()) }).await?;
        let mut idle = self.writes.session.lock().await;
        let session = self.writer(&mut idle).await.map_err(Fault::into_failed)?;
        for table in tables {
            session.batch(&format!("VACUUM (FULL) {table}")).await.map_err(Fault::into_failed)?;
        }
        *idle = Some(session);
        Ok(())
    }
}
