//! Opening the database, and the frame of every transaction.

use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outflow_core::{Error, Result};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::errors::{Fault, cannot_open, failed, newer, nothing_yet, read_only, taken_over};
use crate::lock::Lock;
use crate::schema::{self, CURRENT};

/// How long a statement waits for another process. Only a process without the lock can make it wait.
const BUSY: Duration = Duration::from_secs(10);

/// More than the port has statements: each is parsed once.
const STATEMENTS: usize = 64;

/// Whether a write that found no room is to be tried again.
type TryAgain = Box<dyn Fn(&Error) -> bool + Send + Sync>;

/// The state of an installation in one SQLite database.
pub struct SqliteState {
    // In this order: the database is closed before the next owner is let in.
    connection: Mutex<Connection>,
    holder: Option<i64>,
    installation: u128,
    without_room: Option<TryAgain>,
    _lock: Option<Lock>,
}

impl fmt::Debug for SqliteState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteState").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl SqliteState {
    /// Opens the state in `dir` for writing, and creates it if there is none.
    ///
    /// # Errors
    /// T002: another process has it. T001: it cannot be opened. T003: a newer version wrote it.
    pub fn open(dir: &Path) -> Result<Self> {
        create_folder(dir)?;
        Self::with_lock(dir, Lock::take(dir)?)
    }

    /// Opens the state in `dir` for writing as soon as no other process has it. Blocks; asks `stop` several times a second
    /// whether it should give up.
    ///
    /// # Errors
    /// E001: `stop` said yes. T001: it cannot be opened. T003: a newer version wrote it.
    pub fn open_waiting(dir: &Path, stop: impl Fn() -> bool) -> Result<Self> {
        create_folder(dir)?;
        Self::with_lock(dir, Lock::wait(dir, &stop)?)
    }

    /// Opens the state in `dir` for reading. Another process may write meanwhile.
    ///
    /// # Errors
    /// T001: nothing has run yet, or it cannot be opened. T003: a newer version wrote it.
    pub fn open_read_only(dir: &Path) -> Result<Self> {
        let path = dir.join("state.db");
        if !path.exists() {
            return Err(nothing_yet(dir));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(|e| cannot_open(&path, e))?;
        connection.busy_timeout(BUSY).map_err(|e| cannot_open(&path, e))?;
        match checked_version(&connection, dir)? {
            0 => Err(nothing_yet(dir)),
            _ => Self::on(connection, None, None),
        }
    }

    /// The same, but a write that finds the disk full asks `again`, which may block, whether it is to be tried again. Such a write has changed nothing, and no sync has
    /// failed: the file is as good as before. Without this, and once `again` says no, the write fails (T004).
    #[must_use]
    pub fn without_room(self, again: impl Fn(&Error) -> bool + Send + Sync + 'static) -> Self {
        Self { without_room: Some(Box::new(again)), ..self }
    }

    /// What sets this installation's message ids apart from those of all others.
    pub fn installation(&self) -> u128 {
        self.installation
    }

    fn with_lock(dir: &Path, lock: Lock) -> Result<Self> {
        let path = dir.join("state.db");
        // SQLite gives its other files the mode of this one.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(&path).map_err(|e| cannot_open(&path, e))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(|e| cannot_open(&path, e))?;
        checked_version(&connection, dir)?;
        prepare(&connection).map_err(|e| cannot_open(&path, e))?;
        schema::migrate(&mut connection)?;
        // In a transaction of its own: what ends a lone statement that returns something is not heard of when the disk is full.
        let take = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let holder = take
            .query_row("UPDATE installation SET holder = holder + 1 RETURNING holder", [], |row| row.get(0))
            .map_err(failed)?;
        take.commit().map_err(failed)?;
        Self::on(connection, Some(holder), Some(lock))
    }

    fn on(connection: Connection, holder: Option<i64>, lock: Option<Lock>) -> Result<Self> {
        let id = connection.query_row("SELECT id FROM installation", [], |row| row.get(0)).map_err(failed)?;
        let installation = u128::from_be_bytes(id);
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let connection = Mutex::new(connection);
        Ok(Self { connection, holder, installation, without_room: None, _lock: lock })
    }

    /// Reads.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        read(&self.connection()).map_err(failed)
    }

    /// Writes in one transaction, if this store still is the one that may.
    pub(crate) fn write<T>(&self, write: impl Fn(&Transaction) -> Result<T, Fault>) -> Result<T> {
        loop {
            let fault = match self.try_to_write(&write) {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let (is_full, error) = (fault.is_full_disk(), Error::from(fault));
            if !(is_full && self.without_room.as_ref().is_some_and(|again| again(&error))) {
                return Err(error);
            }
        }
    }

    fn try_to_write<T>(&self, write: impl Fn(&Transaction) -> Result<T, Fault>) -> Result<T, Fault> {
        let holder = self.holder.ok_or_else(read_only)?;
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now: i64 = transaction
            .prepare_cached("SELECT holder FROM installation")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))?;
        if now != holder {
            return Err(taken_over().into());
        }
        let done = write(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Writes the database anew and empties its log: nothing stays of rows that were changed or deleted.
    pub(crate) fn rewrite(&self) -> Result<()> {
        self.write(|_| Ok(()))?;
        let connection = self.connection();
        connection.execute_batch("VACUUM").map_err(failed)?;
        // A reader may be in the way of emptying the log; it is emptied later then.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
    }

    /// A panic in the middle of a transaction has rolled it back: the connection is as good as before.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn create_folder(dir: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| cannot_open(dir, e))
}

/// The database's format, unless it is of a newer version.
fn checked_version(connection: &Connection, dir: &Path) -> Result<i64> {
    let found = schema::version(connection).map_err(|e| cannot_open(&dir.join("state.db"), e))?;
    if (0..=CURRENT).contains(&found) { Ok(found) } else { Err(newer(dir, found, CURRENT)) }
}

fn prepare(connection: &Connection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    connection.busy_timeout(BUSY)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(format!("this file system allows journal mode {mode} only").into());
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}
