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
use tokio_postgres::Row;

use super::fault::{Fault, unreadable};
use super::handle::PostgresState;
use super::rows::{Cells, bits, capped};
use super::session::Session;
use super::text::escape;
use super::write::Writes;

const COLUMNS: &str = "number, at, actor_kind, actor, request_id, address, action, subject, \
     value_before, value_after, result, code, previous, hash";

const HEAD: &str = "SELECT i.id, h.first, h.anchor, h.last, h.last_hash,
     CASE WHEN h.one = 1 THEN intact('audit_head', to_jsonb(h)) END
     FROM installation i LEFT JOIN audit_head h ON true";

#[async_trait]
impl<W: Send + Sync> AuditQueries for PostgresState<W> {
    async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<AuditRecord>> {
        let sql = format!(
            "SELECT {COLUMNS}, intact('audit_log', to_jsonb(audit_log)) FROM audit_log
             WHERE number < $1 AND ($2::text IS NULL OR actor = $2)
             AND ($3::text IS NULL OR left(action, length($3)) = $3)
             AND ($4::text IS NULL OR left(subject, length($4)) = $4)
             AND ($5::bigint IS NULL OR at >= $5) AND ($6::bigint IS NULL OR at < $6) AND number > $8
             ORDER BY number DESC LIMIT $7"
        );
        let AuditFilter { after, actor, action, subject, since, until } = filter;
        let text = |text: &Option<String>| text.as_deref().map(|text| escape(text).into_owned());
        let micros = |time: &Option<Timestamp>| time.map(Timestamp::as_microsecond);
        let (actor, action, subject) = (text(actor), text(action), text(subject));
        let (since, until) = (micros(since), micros(until));
        let (before, limit) = (before.map_or(i64::MAX, bits), capped(limit));
        let after = bits(*after);
        self.all(&sql, &[&before, &actor, &action, &subject, &since, &until, &limit, &after], record).await
    }

    async fn audit_chain(&self, after: u64, limit: u64) -> Result<Vec<AuditRecord>> {
        let sql = format!("SELECT {COLUMNS} FROM audit_log WHERE number > $1 ORDER BY number LIMIT $2");
        self.all(&sql, &[&bits(after), &capped(limit)], record).await
    }

    async fn audit_head(&self) -> Result<AuditHead> {
        let found = self.first(HEAD, &[], head).await?;
        found.ok_or_else(|| Fault::into_failed(unreadable("no id of the installation")))
    }
}

#[async_trait]
impl AuditLog for PostgresState<Writes> {
    async fn record(&self, entries: &[AuditEntry]) -> Result<()> {
        self.write(|t| async move { append(&t, entries).await }).await
    }

    async fn expire_audit(&self, before: Timestamp, now: Timestamp) -> Result<u64> {
        self.write(|t| async move { expire(&t, before, now).await }).await
    }
}

/// Appends entries in this transaction.
pub(super) async fn append(t: &Session, entries: &[AuditEntry]) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut last = current(t).await?;
    for entry in entries {
        let (record, next) = audit::append(&last, entry);
        set_head(t, &next).await?;
        insert(t, &record).await?;
        last = next;
    }
    Ok(())
}

async fn expire(t: &Session, before: Timestamp, now: Timestamp) -> Result<u64, Fault> {
    let found = current(t).await?;
    let sql = "SELECT number FROM audit_log WHERE at >= $1 ORDER BY number LIMIT 1";
    let kept = t.one(sql, &[&before.as_microsecond()]).await?;
    let kept = kept.map(|row| Cells::of(&row).unsigned()).transpose()?;
    let up_to = kept.map_or(found.last, |kept| kept.saturating_sub(1));
    let sql = format!(
        "SELECT {COLUMNS}, intact('audit_log', to_jsonb(audit_log)) FROM audit_log WHERE number = $1"
    );
    let up_to = t.one(&sql, &[&bits(up_to)]).await?.map(|row| record(&row)).transpose()?;
    let Some(up_to) = up_to.filter(|up_to| up_to.number >= found.first) else { return Ok(0) };
    let (entry, cut) = audit::expiry(&found, &up_to, now);
    set_head(t, &cut).await?;
    let gone = t.execute("DELETE FROM audit_log WHERE number < $1", &[&bits(cut.first)]).await?;
    append(t, &[entry]).await?;
    Ok(gone)
}

async fn current(t: &Session) -> Result<AuditHead, Fault> {
    let row = t.one(HEAD, &[]).await?;
    head(&row.ok_or_else(|| unreadable("no id of the installation"))?)
}

async fn insert(t: &Session, record: &AuditRecord) -> Result<(), Fault> {
    let AuditRecord { number, entry, previous, hash } = record;
    let sql = format!(
        "INSERT INTO audit_log ({COLUMNS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    );
    let text = |text: &Option<String>| text.as_deref().map(|text| escape(text).into_owned());
    let actor = &entry.actor;
    t.execute(
        &sql,
        &[
            &bits(*number),
            &entry.at.as_microsecond(),
            &actor.kind.name(),
            &escape(&actor.name),
            &text(&actor.request_id),
            &text(&actor.address),
            &escape(&entry.action),
            &escape(&entry.subject),
            &text(&entry.before),
            &text(&entry.after),
            &entry.result.name(),
            &entry.result.code().map(|code| code.as_str()),
            &previous.as_slice(),
            &hash.as_slice(),
        ],
    )
    .await?;
    Ok(())
}

async fn set_head(t: &Session, head: &AuditHead) -> Result<(), Fault> {
    let sql = "INSERT INTO audit_head (one, first, anchor, last, last_hash) VALUES (1, $1, $2, $3, $4)
               ON CONFLICT (one) DO UPDATE
               SET first = excluded.first, anchor = excluded.anchor, last = excluded.last,
               last_hash = excluded.last_hash";
    let (anchor, last_hash) = (head.anchor.as_slice(), head.last_hash.as_slice());
    t.execute(sql, &[&bits(head.first), &anchor, &bits(head.last), &last_hash]).await?;
    Ok(())
}

/// A row of [`HEAD`].
fn head(row: &Row) -> Result<AuditHead, Fault> {
    let mut c = Cells::of(row);
    let id: Vec<u8> = c.get()?;
    let id = id.try_into().map_err(|_| unreadable("no id of the installation"))?;
    let Some(first) = c.get::<Option<i64>>()? else { return Ok(audit::empty(u128::from_be_bytes(id))) };
    Ok(AuditHead {
        first: first.cast_unsigned(),
        anchor: hash(&mut c)?,
        last: c.unsigned()?,
        last_hash: hash(&mut c)?,
    })
}

fn hash(c: &mut Cells<'_>) -> Result<[u8; 32], Fault> {
    let bytes: Vec<u8> = c.get()?;
    bytes.try_into().map_err(|_| unreadable("a hash of another length"))
}

/// A row with [`COLUMNS`].
fn record(row: &Row) -> Result<AuditRecord, Fault> {
    let mut c = Cells::of(row);
    let (number, at) = (c.unsigned()?, c.time()?);
    let actor = Actor {
        kind: c.word(ActorKind::from_name)?,
        name: c.text()?,
        request_id: c.optional_text()?,
        address: c.optional_text()?,
    };
    let (action, subject) = (c.text()?, c.text()?);
    let (before, after) = (c.optional_text()?, c.optional_text()?);
    let (result, code) = (c.text()?, c.optional_text()?);
    let code = code
        .map(|name| Code::from_name(&name).ok_or_else(|| unreadable(format!("the unknown code {name:?}"))));
    let result = AuditResult::from_parts(&result, code.transpose()?)
        .ok_or_else(|| unreadable(format!("the unknown result {result:?}")))?;
    let entry = AuditEntry { at, actor, action, subject, before, after, result };
    Ok(AuditRecord { number, entry, previous: hash(&mut c)?, hash: hash(&mut c)? })
}
