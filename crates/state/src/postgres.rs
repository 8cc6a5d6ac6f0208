//! The state in a schema of a PostgreSQL database.
//!
//! What always holds:
//! - A handle that writes has the claim, and every write proves it in its own transaction (see
//!   `claim`).
//! - Every write is one transaction, durable when the method returns, and counts once, also when
//!   the connection breaks during its commit (see `write`). A server that is away for a moment is
//!   waited for.
//! - The equations of promise 1 are constraints of the tables: numbers that do not add up are
//!   refused.
//!
//! What it does not do: decide, which [`outflow_core::rules`] does, or work through a pooler that
//! lends one session to several clients.

mod address;
mod audit;
mod checksums;
mod claim;
mod definitions;
mod deliveries;
mod extraction;
mod fault;
mod gaps;
mod handle;
mod integrity;
mod lists;
mod origin;
mod pauses;
mod people;
mod pool;
mod queries;
mod retention;
mod rows;
mod runs;
mod schema;
mod secrets;
mod session;
mod text;
mod tls;
mod watch;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outflow_core::ports::state::{Lease, State, StateReader, StateStore};
use outflow_core::{BoxFuture, Error, Result};

pub use address::Address;
use claim::Claim;
use handle::PostgresState;
use pool::Pool;
use session::Session;
use write::{TryAgain, Writes};

/// How long a read or a write waits for a server that has gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// The state of one installation on a PostgreSQL server.
pub struct PostgresStore {
    address: Address,
    patience: Duration,
    again: Option<TryAgain>,
}

impl PostgresStore {
    /// The state at this address. Connects when it is claimed or read.
    pub fn new(address: Address) -> Self {
        Self { address, patience: PATIENCE, again: None }
    }

    /// The same, but a read or a write waits this long for a server that has gone.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same, but a write that finds the server's disk full, or no server for longer than that,
    /// waits for `again` and is repeated if that is true. Without this, and once `again` is false,
    /// the write fails (T004).
    #[must_use]
    pub fn without_room(
        self,
        again: impl Fn(&Error) -> BoxFuture<'static, bool> + Send + Sync + 'static,
    ) -> Self {
        Self { again: Some(Arc::new(again)), ..self }
    }

    fn pool(&self) -> Pool {
        Pool::new(self.address.clone(), self.patience)
    }
}

#[async_trait]
impl StateStore for PostgresStore {
    async fn claim(&self, wait_until: Option<BoxFuture<'static, ()>>) -> Result<Arc<dyn State>> {
        let (claim, session) = Claim::take(&self.address, wait_until).await?;
        Ok(Arc::new(PostgresState {
            pool: self.pool(),
            writes: Writes::new(claim, session, self.again.clone()),
        }))
    }

    async fn reader(&self) -> Result<Arc<dyn StateReader>> {
        let open = async {
            let session = Session::connect(&self.address).await?;
            schema::check(&session, &self.address).await?;
            Ok(session)
        };
        let session = open.await.map_err(|e: fault::Fault| e.into_unavailable(&self.address))?;
        let pool = self.pool();
        pool.put(session);
        Ok(Arc::new(PostgresState { pool, writes: () }))
    }
}

impl State for PostgresState<Writes> {
    fn lease(&self) -> &Lease {
        &self.writes.claim.lease
    }

    fn installation(&self) -> u128 {
        self.writes.claim.installation
    }
}
