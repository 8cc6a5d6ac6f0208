//! Connections, and the frame of every read and write.
//!
//! One connection writes, a few read. SQLite's log lets readers see what is committed while a write
//! waits for the disk, so no read queues behind one. Whoever waits for a connection waits
//! asynchronously; SQLite itself runs on threads for blocking work. Work that has begun there comes
//! to its end, also if its future is dropped.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outflow_core::ports::state::Lease;
use outflow_core::{BoxFuture, Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::task::spawn_blocking;

use super::checksums;
use super::errors::{
    Fault, broken_off, cannot_open, damaged, failed, not_migrated, nothing_yet, taken_over,
    unclean_on_read_only,
};
use super::integrity;
use super::lock::Lock;
use super::schema;

/// How long a statement waits for another process. Only a process without the lock can make it
/// wait.
const BUSY: Duration = Duration::from_secs(10);
/// More than the port has statements: each is parsed once.
const STATEMENTS: usize = 64;
/// How many connections read at most.
const READERS: usize = 4;

/// Resolves when a write that found no room is to be tried again, and says whether it is.
pub(crate) type TryAgain = Arc<dyn Fn(&Error) -> BoxFuture<'static, bool> + Send + Sync>;

/// Connections for reading.
pub(crate) struct Readers {
    dir: PathBuf,
    permits: Semaphore,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf(), permits: Semaphore::new(READERS), idle: Arc::default() }
    }

    /// The folder of the database.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads from one committed state.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.permits.acquire().await;
        let (dir, idle) = (self.dir.clone(), self.idle.clone());
        let done = spawn_blocking(move || {
            let free = lock(&idle).pop();
            let mut connection = match free {
                Some(connection) => connection,
                None => open_to_read(&dir)?,
            };
            let done = connection.transaction().and_then(|snapshot| read(&snapshot)).map_err(failed);
            lock(&idle).push(connection);
            done
        });
        let done = done.await.map_err(broken_off);
        drop(permit);
        done?
    }
}

/// The connection that writes, with the claim under which it does.
pub(crate) struct Writer {
    inner: Arc<AsyncMutex<Claimed>>,
    without_room: Option<TryAgain>,
    pub(crate) lease: Lease,
    pub(crate) installation: u128,
}

struct Claimed {
    // In this order: the database is closed before the next owner is let in.
    connection: Connection,
    holder: i64,
    _lock: Lock,
}

impl Writer {
    pub(crate) fn new(
        connection: Connection,
        holder: i64,
        lock: Lock,
        installation: u128,
        without_room: Option<TryAgain>,
    ) -> Self {
        let lease = Lease { key: "installation".into(), token: u128::from(holder.cast_unsigned()) };
        let inner = Arc::new(AsyncMutex::new(Claimed { connection, holder, _lock: lock }));
        Self { inner, without_room, lease, installation }
    }

    /// Writes in one transaction if the claim is still valid. A write that finds no room waits and
    /// is repeated, if the store was made so.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&Transaction<'_>) -> Result<T, Fault> + Send + Sync + 'static,
    ) -> Result<T> {
        let write = Arc::new(write);
        loop {
            let (mut claimed, write) = (self.inner.clone().lock_owned().await, write.clone());
            let done = spawn_blocking(move || claimed.write(&*write)).await.map_err(broken_off)?;
            let fault = match done {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let (is_full, error) = (fault.is_full_disk(), Error::from(fault));
            match &self.without_room {
                Some(again) if is_full && again(&error).await => {}
                _ => return Err(error),
            }
        }
    }

    /// Rewrites the database and empties its log: nothing stays of rows that were changed or
    /// deleted.
    pub(crate) async fn rewrite(&self) -> Result<()> {
        self.write(|_| Ok(())).await?;
        let claimed = self.inner.clone().lock_owned().await;
        let rewritten = spawn_blocking(move || {
            claimed.connection.execute_batch("VACUUM").map_err(failed)?;
            // A reader may keep the log from being emptied; it is emptied later then.
            claimed.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
        });
        rewritten.await.map_err(broken_off)?
    }
}

impl Claimed {
    fn write<T>(&mut self, write: impl Fn(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now: i64 = transaction
            .prepare_cached("SELECT holder FROM installation")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))?;
        if now != self.holder {
            return Err(taken_over().into());
        }
        let done = write(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// Opens the database for reading. Where nothing can be written, a database that was closed is read
/// as it is; one that was not would lack what its log holds, and is refused.
pub(crate) fn open_to_read(dir: &Path) -> Result<Connection> {
    let path = dir.join(super::FILE);
    if !path.exists() {
        return Err(nothing_yet(dir));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags).map_err(|e| cannot_open(&path, e))?;
    if needs_to_write(&connection) && is_read_only(dir) {
        let log = std::fs::metadata(dir.join("state.db-wal")).map_or(0, |log| log.len());
        if log > 0 {
            return Err(unclean_on_read_only(dir, log));
        }
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        connection =
            Connection::open_with_flags(immutable(&path), flags).map_err(|e| cannot_open(&path, e))?;
    }
    connection.busy_timeout(BUSY).map_err(|e| cannot_open(&path, e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    checksums::register(&connection).map_err(|e| cannot_open(&path, e))?;
    match schema::checked_version(&connection, dir)? {
        0 => Err(nothing_yet(dir)),
        schema::CURRENT => Ok(connection),
        older => Err(not_migrated(dir, older, schema::CURRENT)),
    }
}

/// Whether even a read fails because files beside the database cannot be made.
fn needs_to_write(connection: &Connection) -> bool {
    let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    let code = read.err().and_then(|error| error.sqlite_error_code());
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Whether this process can make no file there.
fn is_read_only(dir: &Path) -> bool {
    let probe = dir.join(".outflow-probe");
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&probe) {
        Ok(_) => {
            let _ = std::fs::remove_file(&probe);
            false
        }
        Err(e) => e.kind() != std::io::ErrorKind::AlreadyExists,
    }
}

/// The database as a URI of a file that does not change.
fn immutable(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
    let encoded = path.as_os_str().as_encoded_bytes().iter().map(|byte| match plain(byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    format!("file:{}?immutable=1", encoded.collect::<String>())
}

/// Opens the database, which exists or is an empty file, for writing, and migrates it.
///
/// After an end without a close, which leaves the log behind, the structure is checked first.
pub(crate) fn open_to_write(dir: &Path) -> Result<Connection> {
    let path = dir.join(super::FILE);
    let was_closed = std::fs::metadata(dir.join("state.db-wal")).map_or(0, |log| log.len()) == 0;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags).map_err(|e| cannot_open(&path, e))?;
    checksums::register(&connection).map_err(|e| cannot_open(&path, e))?;
    let found = schema::checked_version(&connection, dir)?;
    prepare(&connection).map_err(|e| cannot_open(&path, e))?;
    if !was_closed && let Some(problem) = integrity::quick_check(&connection).first() {
        return Err(damaged(problem));
    }
    schema::migrate(&mut connection, found)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    connection.busy_timeout(BUSY)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(format!("this file system allows journal mode {mode} only").into());
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// A panic in the middle of a read leaves the list as it was.
fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
