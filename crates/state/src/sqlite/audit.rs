//! The audit log.
//!
//! What always holds: every entry goes through [`append`], which is called in the transaction of
//! the change that the entry is about. What it does not do: decide what an entry or its hash is;
//! [`outflow_core::rules::audit`] does.

use async_trait::async_trait;
use outflow_core::ports::state::{
    AuditEntry, AuditFilter, AuditHead, AuditLog, AuditQueries, AuditRecord, AuditResult,
};
use outflow_core::rules::audit;
use outflow_core::{Actor, ActorKind, Code, Result, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, Transaction, params};

use super::Sqlite;
use super::checksums::{INSTALLATION, intact};
use super::connection::Writer;
use super::errors::Fault;
use super::rows::{optional, time, unsigned, word};
use super::sql::{all, bits, capped, one};

const COLUMNS: &str = "number, at, actor_kind, actor, request_id, address, action, subject, \
     value_before, value_after, result, code, previous, hash";

const INTACT: &str = intact!(
    "audit_log",
    "number, at, actor_kind, actor, request_id, address, action, subject, value_before, value_after, \
     result, code, previous, hash"
);

#[async_trait]
impl<W: Send + Sync> AuditQueries for Sqlite<W> {
    async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<AuditRecord>> {
        let AuditFilter { after, actor, action, subject, since, until } = filter.clone();
        let micros = |time: Option<Timestamp>| time.map(Timestamp::as_microsecond);
        let (since, until) = (micros(since), micros(until));
        let (before, limit) = (before.map_or(i64::MAX, bits), capped(limit));
        let sql = format!(
            "SELECT {COLUMNS}, {INTACT} FROM audit_log
             WHERE number < ?1 AND (?2 IS NULL OR actor = ?2)
             AND (?3 IS NULL OR substr(action, 1, length(?3)) = ?3)
             AND (?4 IS NULL OR substr(subject, 1, length(?4)) = ?4)
             AND (?5 IS NULL OR at >= ?5) AND (?6 IS NULL OR at < ?6) AND number > ?8
             ORDER BY number DESC LIMIT ?7"
        );
        let read = move |c: &Connection| {
            all(c, &sql, params![before, actor, action, subject, since, until, limit, bits(after)], record)
        };
        self.readers.read(read).await
    }

    async fn audit_chain(&self, after: u64, limit: u64) -> Result<Vec<AuditRecord>> {
        let sql = format!("SELECT {COLUMNS} FROM audit_log WHERE number > ?1 ORDER BY number LIMIT ?2");
        let values = [bits(after), capped(limit)];
        self.readers.read(move |c| all(c, &sql, values, record)).await
    }

    async fn audit_head(&self) -> Result<AuditHead> {
        self.readers.read(head).await
    }
}

#[async_trait]
impl AuditLog for Sqlite<Writer> {
    async fn record(&self, entries: &[AuditEntry]) -> Result<()> {
        let entries = entries.to_vec();
        self.writer.write(move |t| append(t, &entries)).await
    }

    async fn expire_audit(&self, before: Timestamp, now: Timestamp) -> Result<u64> {
        self.writer.write(move |t| expire(t, before, now)).await
    }
}

/// Appends entries in this transaction.
pub(super) fn append(t: &Transaction<'_>, entries: &[AuditEntry]) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut last = head(t)?;
    for entry in entries {
        let (record, next) = audit::append(&last, entry);
        set_head(t, &next)?;
        insert(t, &record)?;
        last = next;
    }
    Ok(())
}

fn expire(t: &Transaction<'_>, before: Timestamp, now: Timestamp) -> Result<u64, Fault> {
    let found = head(t)?;
    let sql = "SELECT number FROM audit_log WHERE at >= ?1 ORDER BY number LIMIT 1";
    let kept = one(t, sql, [before.as_microsecond()], |row| unsigned(row, 0))?;
    let up_to = kept.map_or(found.last, |kept| kept.saturating_sub(1));
    let sql = format!("SELECT {COLUMNS}, {INTACT} FROM audit_log WHERE number = ?1");
    let Some(up_to) = one(t, &sql, [bits(up_to)], record)?.filter(|up_to| up_to.number >= found.first) else {
        return Ok(0);
    };
    let (entry, cut) = audit::expiry(&found, &up_to, now);
    set_head(t, &cut)?;
    let gone = t.execute("DELETE FROM audit_log WHERE number < ?1", [bits(cut.first)])?;
    append(t, &[entry])?;
    Ok(gone as u64)
}

fn insert(t: &Transaction<'_>, record: &AuditRecord) -> Result<(), Fault> {
    let AuditRecord { number, entry, previous, hash } = record;
    let sql = format!(
        "INSERT INTO audit_log ({COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    );
    t.prepare_cached(&sql)?.execute(params![
        bits(*number),
        entry.at.as_microsecond(),
        entry.actor.kind.name(),
        entry.actor.name,
        entry.actor.request_id,
        entry.actor.address,
        entry.action,
        entry.subject,
        entry.before,
        entry.after,
        entry.result.name(),
        entry.result.code().map(|code| code.as_str()),
        previous,
        hash,
    ])?;
    Ok(())
}

fn set_head(t: &Transaction<'_>, head: &AuditHead) -> Result<(), Fault> {
    let sql = "INSERT INTO audit_head (one, first, anchor, last, last_hash) VALUES (1, ?1, ?2, ?3, ?4)
               ON CONFLICT (one) DO UPDATE
               SET first = excluded.first, anchor = excluded.anchor, last = excluded.last,
               last_hash = excluded.last_hash";
    let values = params![bits(head.first), head.anchor, bits(head.last), head.last_hash];
    t.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn head(c: &Connection) -> rusqlite::Result<AuditHead> {
    let sql = concat!(
        "SELECT first, anchor, last, last_hash, ",
        intact!("audit_head", "one, first, anchor, last, last_hash"),
        " FROM audit_head"
    );
    let found = one(c, sql, [], |row| {
        Ok(AuditHead {
            first: unsigned(row, 0)?,
            anchor: row.get(1)?,
            last: unsigned(row, 2)?,
            last_hash: row.get(3)?,
        })
    })?;
    match found {
        Some(found) => Ok(found),
        None => {
            let sql = format!("SELECT id, {INSTALLATION} FROM installation");
            let id: [u8; 16] = c.query_row(&sql, [], |row| row.get(0))?;
            Ok(audit::empty(u128::from_be_bytes(id)))
        }
    }
}

/// A row with [`COLUMNS`].
fn record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    let result: String = row.get(10)?;
    let code = optional(row, 11, |row, i| word(row, i, Code::from_name))?;
    let unknown = || {
        let message = "not a result that this version knows".into();
        rusqlite::Error::FromSqlConversionFailure(10, Type::Text, message)
    };
    let actor = Actor {
        kind: word(row, 2, ActorKind::from_name)?,
        name: row.get(3)?,
        request_id: row.get(4)?,
        address: row.get(5)?,
    };
    let entry = AuditEntry {
        at: time(row, 1)?,
        actor,
        action: row.get(6)?,
        subject: row.get(7)?,
        before: row.get(8)?,
        after: row.get(9)?,
        result: AuditResult::from_parts(&result, code).ok_or_else(unknown)?,
    };
    Ok(AuditRecord { number: unsigned(row, 0)?, entry, previous: row.get(12)?, hash: row.get(13)? })
}
