//! The tables, and how a state of an older version becomes one of this version.
//!
//! Times are microseconds of Unix time in UTC. Words are those of `outflow_core`. Unsigned 64-bit numbers are kept by their bits.

use outflow_core::{Result, hash};
use rusqlite::{Connection, TransactionBehavior};

use crate::errors::failed;

/// Each step leads from the format of its index to the next one.
const STEPS: &[&str] = &["
    CREATE TABLE installation (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id BLOB NOT NULL,
        holder INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key BLOB NOT NULL,
        sync TEXT NOT NULL,
        call_type TEXT NOT NULL,
        state TEXT NOT NULL,
        trigger TEXT NOT NULL,
        pinned TEXT NOT NULL,
        due_at INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        extracted_at INTEGER,
        ended_at INTEGER,
        last_sync_time TEXT,
        next_last_sync_time TEXT,
        clock INTEGER,
        rows_read INTEGER NOT NULL DEFAULT 0,
        calls INTEGER NOT NULL DEFAULT 0,
        rejected INTEGER NOT NULL DEFAULT 0,
        unchanged INTEGER NOT NULL DEFAULT 0,
        spool_bytes INTEGER NOT NULL DEFAULT 0,
        reason_code TEXT,
        reason TEXT,
        skipped_by INTEGER REFERENCES runs,
        CONSTRAINT rows_add_up CHECK (rows_read = calls + rejected + unchanged)
    ) STRICT;
    CREATE INDEX runs_by_sync ON runs (sync, id);
    CREATE INDEX unfinished_runs ON runs (sync, id) WHERE ended_at IS NULL;

    CREATE TABLE syncs (
        name TEXT PRIMARY KEY,
        clock_us INTEGER,
        cursor TEXT,
        run INTEGER REFERENCES runs,
        fingerprint TEXT
    ) STRICT;

    CREATE TABLE segments (
        run INTEGER NOT NULL REFERENCES runs,
        kind TEXT NOT NULL,
        number INTEGER NOT NULL,
        first INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (run, kind, number)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE findings (
        run INTEGER NOT NULL REFERENCES runs,
        place INTEGER NOT NULL,
        code TEXT NOT NULL,
        column_name TEXT,
        rows INTEGER NOT NULL,
        samples TEXT NOT NULL,
        PRIMARY KEY (run, place)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE deliveries (
        run INTEGER NOT NULL REFERENCES runs,
        destination TEXT NOT NULL,
        place INTEGER NOT NULL,
        state TEXT NOT NULL,
        calls INTEGER NOT NULL,
        delivered INTEGER NOT NULL,
        dead_letters INTEGER NOT NULL,
        filtered INTEGER NOT NULL,
        cancelled INTEGER NOT NULL,
        discarded INTEGER NOT NULL,
        pending INTEGER NOT NULL,
        requests INTEGER NOT NULL,
        retries INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        settled TEXT NOT NULL,
        reason_code TEXT,
        reason TEXT,
        PRIMARY KEY (run, destination),
        CONSTRAINT calls_add_up CHECK (calls = delivered + dead_letters + filtered + cancelled + discarded + pending)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE dead_letters (
        run INTEGER NOT NULL,
        destination TEXT NOT NULL,
        position INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        message_id TEXT NOT NULL,
        code TEXT NOT NULL,
        status INTEGER,
        reason TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (run, destination, position),
        FOREIGN KEY (run, destination) REFERENCES deliveries
    ) STRICT, WITHOUT ROWID;
", "
    ALTER TABLE syncs ADD COLUMN clock_of TEXT;
    ALTER TABLE syncs ADD COLUMN local_clock_us INTEGER;
    ALTER TABLE syncs ADD COLUMN first_us INTEGER;
    ALTER TABLE syncs ADD COLUMN cursor_of TEXT;
", "
    CREATE TABLE schedules (
        sync TEXT PRIMARY KEY,
        fired INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
", "
    ALTER TABLE runs ADD COLUMN columns TEXT;

    CREATE TABLE held (
        run INTEGER PRIMARY KEY REFERENCES runs,
        next_last_sync_time TEXT,
        moves TEXT
    ) STRICT;

    CREATE TABLE usage (
        day TEXT NOT NULL,
        sync TEXT NOT NULL,
        destination TEXT NOT NULL,
        call_type TEXT NOT NULL,
        delivered INTEGER NOT NULL,
        dead_letters INTEGER NOT NULL,
        PRIMARY KEY (day, sync, destination, call_type)
    ) STRICT, WITHOUT ROWID;
", "
    ALTER TABLE runs ADD COLUMN replays INTEGER REFERENCES runs;
    CREATE INDEX replays ON runs (replays) WHERE replays IS NOT NULL;
    ALTER TABLE dead_letters ADD COLUMN replayed_by INTEGER REFERENCES runs;
", "
    CREATE INDEX skips ON runs (skipped_by) WHERE skipped_by IS NOT NULL;
    CREATE INDEX replayed ON dead_letters (replayed_by) WHERE replayed_by IS NOT NULL;
", "
    CREATE TABLE alerts (
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        code TEXT,
        message TEXT NOT NULL,
        since INTEGER NOT NULL,
        recovered_at INTEGER,
        told INTEGER NOT NULL,
        PRIMARY KEY (kind, subject)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE audits (
        run INTEGER PRIMARY KEY REFERENCES runs,
        at INTEGER NOT NULL,
        differences TEXT NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_start ON runs (started_at);
", "
    ALTER TABLE segments ADD COLUMN locator TEXT NOT NULL DEFAULT '';
    UPDATE segments SET locator =
        printf('%d/%s-%05d.seg', run, CASE kind WHEN 'calls' THEN 'calls' ELSE 'rejected' END, number);
"];

/// The format that this version writes.
pub(crate) const CURRENT: i64 = STEPS.len() as i64;

/// The format of the database; 0 for an empty one.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Takes the database, whose format is `CURRENT` or older, to the current one.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = version(&transaction).map_err(failed)?;
    for step in &STEPS[found as usize..] {
        transaction.execute_batch(step).map_err(failed)?;
    }
    if found == 0 {
        let id = hash::random()?.to_be_bytes();
        transaction
            .execute("INSERT INTO installation (one, id, holder) VALUES (1, ?1, 0)", [id.as_slice()])
            .map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", CURRENT).map_err(failed)?;
    transaction.commit().map_err(failed)
}
