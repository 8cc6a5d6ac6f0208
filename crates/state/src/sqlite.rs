//! The state of an installation in one SQLite database.
//!
//! What always holds:
//! - Whoever has the claim holds the lock of the folder, and every write proves in its own
//!   transaction that no other process has taken the folder over since (promise 4, also where the
//!   lock was deleted or does not work).
//! - Every write is one transaction, durable when the method returns (WAL with `synchronous=FULL`).
//! - The equations of promise 1 are constraints of the tables: numbers that do not add up are
//!   refused.
//! - A row that is not what was written is an error (T005), never read as another value (see
//!   `checksums`).
//!
//! Reading alone needs no lock and continues while another process writes.

mod audit;
mod checksums;
mod connection;
mod definitions;
mod deliveries;
mod errors;
mod gaps;
mod integrity;
mod lists;
mod lock;
mod origin;
mod pauses;
mod people;
mod queries;
mod retention;
mod rows;
mod runs;
mod schema;
mod secrets;
mod sql;
mod watch;

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use outflow_core::ports::state::{Lease, State, StateReader, StateStore};
use outflow_core::{BoxFuture, Error, Result};
use tokio::task::spawn_blocking;

pub use self::checksums::register as register_functions;

use self::checksums::INSTALLATION;
use self::connection::{Readers, TryAgain, Writer, open_to_read, open_to_write};
use self::errors::{broken_off, cannot_open, failed};
use self::lock::Lock;

/// The database's name in the folder of a state.
pub(crate) const FILE: &str = "state.db";

/// A folder with the state of an installation, or where it is to be.
#[derive(Clone)]
pub struct SqliteStore {
    dir: PathBuf,
    without_room: Option<TryAgain>,
}

/// The state, open: for reading, and with a [`Writer`] for writing.
struct Sqlite<W> {
    // The readers first: the writer closes the database.
    readers: Readers,
    writer: W,
}

impl SqliteStore {
    /// The state in this folder. Opens nothing.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), without_room: None }
    }

    /// The same, but a write that finds the disk full waits for `again` and is repeated if that is
    /// true. Such a write has changed nothing. Without this, and once `again` is false, the write
    /// fails (T004).
    #[must_use]
    pub fn without_room(
        self,
        again: impl Fn(&Error) -> BoxFuture<'static, bool> + Send + Sync + 'static,
    ) -> Self {
        Self { without_room: Some(Arc::new(again)), ..self }
    }

    fn claim_with(&self, lock: Lock) -> Result<Sqlite<Writer>> {
        let dir = &self.dir;
        // SQLite gives its other files the mode of this one.
        let (path, mut options) = (dir.join(FILE), OpenOptions::new());
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(&path).map_err(|e| cannot_open(&path, e))?;
        let mut connection = open_to_write(dir)?;
        // In its own transaction: a full disk is not reported at the end of a lone statement
        // that returns rows.
        let take =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        let sql = format!("SELECT holder + 1, id, {INSTALLATION} FROM installation");
        let (holder, id) =
            take.query_row(&sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).map_err(failed)?;
        take.execute("UPDATE installation SET holder = ?1", [holder]).map_err(failed)?;
        take.commit().map_err(failed)?;
        Ok(Sqlite {
            readers: Readers::new(dir),
            writer: Writer::new(connection, holder, lock, u128::from_be_bytes(id), self.without_room.clone()),
        })
    }
}

#[async_trait]
impl StateStore for SqliteStore {
    async fn claim(&self, wait_until: Option<BoxFuture<'static, ()>>) -> Result<Arc<dyn State>> {
        create_folder(&self.dir)?;
        let lock = match wait_until {
            None => Lock::take(&self.dir)?,
            Some(stop) => Lock::wait(&self.dir, stop).await?,
        };
        let store = self.clone();
        Ok(Arc::new(spawn_blocking(move || store.claim_with(lock)).await.map_err(broken_off)??))
    }

    async fn reader(&self) -> Result<Arc<dyn StateReader>> {
        let dir = self.dir.clone();
        // Says at once what is wrong with the database, if anything is.
        spawn_blocking(move || open_to_read(&dir)).await.map_err(broken_off)??;
        Ok(Arc::new(Sqlite { readers: Readers::new(&self.dir), writer: () }))
    }
}

impl State for Sqlite<Writer> {
    fn lease(&self) -> &Lease {
        &self.writer.lease
    }

    fn installation(&self) -> u128 {
        self.writer.installation
    }
}

fn create_folder(dir: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| cannot_open(dir, e))
}
