//! Definitions and their versions.

use async_trait::async_trait;
use outflow_core::ports::state::{
    AuditEntry, DefinitionChange, DefinitionContent, DefinitionFilter, DefinitionId, DefinitionKind,
    DefinitionQueries, DefinitionStatus, DefinitionVersion, Definitions, Owner, SyncRename, VERSIONS_KEPT,
};
use outflow_core::rules::{DefinitionStep, KeptOfSync, change_definition, check_rename};
use outflow_core::{Actor, ActorKind, Result};
use rusqlite::{Connection, Row, Transaction, params};

use super::Sqlite;
use super::audit;
use super::checksums::intact;
use super::connection::Writer;
use super::errors::Fault;
use super::rows::{time, unsigned, word};
use super::sql::{all, bits, capped, one};

/// The columns that [`version`] reads.
const VERSION: &str = concat!(
    "kind, name, version, owner, status, value, place, at, actor_kind, actor, renamed, ",
    intact!(
        "definitions",
        "kind, name, version, owner, status, value, place, at, actor_kind, actor, renamed"
    )
);

#[async_trait]
impl<W: Send + Sync> DefinitionQueries for Sqlite<W> {
    async fn definitions(&self) -> Result<Vec<DefinitionVersion>> {
        self.definitions_like(&DefinitionFilter::default()).await
    }

    async fn definitions_like(&self, filter: &DefinitionFilter) -> Result<Vec<DefinitionVersion>> {
        let filter = filter.clone();
        self.readers.read(move |c| listed(c, &filter)).await
    }

    async fn definition(&self, id: &DefinitionId) -> Result<Option<DefinitionVersion>> {
        let id = id.clone();
        self.readers.read(move |c| last(c, &id)).await
    }

    async fn definition_versions(
        &self,
        id: &DefinitionId,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<DefinitionVersion>> {
        let DefinitionId { kind, name } = id.clone();
        let (before, limit) = (before.map_or(i64::MAX, bits), capped(limit));
        let sql = format!(
            "SELECT {VERSION} FROM definitions WHERE kind = ?1 AND name = ?2 AND version < ?3
             ORDER BY version DESC LIMIT ?4"
        );
        self.readers.read(move |c| all(c, &sql, params![kind.name(), name, before, limit], version)).await
    }
}

/// The current versions that are meant. It steps over the index from name to name, however many
/// versions there are.
fn listed(c: &Connection, filter: &DefinitionFilter) -> rusqlite::Result<Vec<DefinitionVersion>> {
    let sql = format!(
        "WITH RECURSIVE names(known) AS
         (SELECT min(name) FROM definitions WHERE kind = ?1 AND name > ?2 UNION ALL
         SELECT (SELECT min(name) FROM definitions WHERE kind = ?1 AND name > known) FROM names
         WHERE known IS NOT NULL)
         SELECT {VERSION} FROM names CROSS JOIN definitions ON kind = ?1 AND name = known
         AND version = (SELECT max(n.version) FROM definitions n WHERE n.kind = ?1 AND n.name = known)
         WHERE value IS NOT NULL AND (?3 IS NULL OR status = ?3) LIMIT ?4"
    );
    let status = filter.status.map(DefinitionStatus::name);
    let mut found = Vec::new();
    for (kind, after) in filter.kinds() {
        let left = match filter.limit {
            0 => u64::MAX,
            limit => limit.saturating_sub(found.len() as u64),
        };
        if left > 0 {
            found.extend(all(c, &sql, params![kind.name(), after, status, capped(left)], version)?);
        }
    }
    Ok(found)
}

#[async_trait]
impl Definitions for Sqlite<Writer> {
    async fn put_definitions(
        &self,
        changes: &[(DefinitionChange, AuditEntry)],
    ) -> Result<Vec<Option<DefinitionVersion>>> {
        let changes = changes.to_vec();
        let write = move |t: &Transaction<'_>| {
            let mut now = Vec::new();
            for (change, entry) in &changes {
                if put(t, change, entry, None)? {
                    audit::append(t, std::slice::from_ref(entry))?;
                }
                now.push(last(t, &change.id)?);
            }
            Ok(now)
        };
        self.writer.write(write).await
    }

    async fn rename_sync(&self, rename: &SyncRename, entry: &AuditEntry) -> Result<()> {
        let (rename, entry) = (rename.clone(), entry.clone());
        let write = move |t: &Transaction<'_>| {
            let SyncRename { from, to, changes, .. } = &rename;
            check_rename(&rename, kept(t, from)?, kept(t, to)?)?;
            for sql in [
                "UPDATE syncs SET name = ?2 WHERE name = ?1",
                "UPDATE runs SET sync = ?2 WHERE sync = ?1",
                "UPDATE schedules SET sync = ?2 WHERE sync = ?1",
                "UPDATE usage SET sync = ?2 WHERE sync = ?1",
                "UPDATE gaps SET sync = ?2 WHERE sync = ?1",
                "UPDATE OR REPLACE pauses SET name = ?2 WHERE kind = 'sync' AND name = ?1",
            ] {
                t.execute(sql, [from, to])?;
            }
            for change in changes {
                let other = if change.content.is_some() { from } else { to };
                put(t, change, &entry, Some(other))?;
            }
            audit::append(t, std::slice::from_ref(&entry))
        };
        self.writer.write(write).await
    }
}

/// What is kept under a name of a sync.
fn kept(c: &Connection, sync: &str) -> rusqlite::Result<KeptOfSync> {
    let sql = "SELECT (SELECT count(*) FROM runs WHERE sync = ?1 AND ended_at IS NULL),
               EXISTS (SELECT 1 FROM runs WHERE sync = ?1) OR EXISTS (SELECT 1 FROM syncs WHERE name = ?1)
               OR EXISTS (SELECT 1 FROM schedules WHERE sync = ?1)
               OR EXISTS (SELECT 1 FROM usage WHERE sync = ?1)
               OR EXISTS (SELECT 1 FROM gaps WHERE sync = ?1)";
    c.query_row(sql, [sync], |row| Ok(KeptOfSync { unfinished: unsigned(row, 0)?, anything: row.get(1)? }))
}

/// Makes a change. Returns whether it made a version.
fn put(
    t: &Transaction<'_>,
    change: &DefinitionChange,
    entry: &AuditEntry,
    renamed: Option<&str>,
) -> Result<bool, Fault> {
    let DefinitionChange { id: DefinitionId { kind, name }, content, place, .. } = change;
    match change_definition(last(t, &change.id)?.as_ref(), change)? {
        DefinitionStep::Keep => return Ok(false),
        DefinitionStep::Move => {
            let sql = "UPDATE definitions SET place = ?3 WHERE kind = ?1 AND name = ?2 AND version =
                       (SELECT max(version) FROM definitions WHERE kind = ?1 AND name = ?2)";
            t.prepare_cached(sql)?.execute(params![kind.name(), name, place])?;
            return Ok(false);
        }
        DefinitionStep::Write(number) => {
            let sql = "INSERT INTO definitions
                       (kind, name, version, owner, status, value, place, at, actor_kind, actor, renamed)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
            t.prepare_cached(sql)?.execute(params![
                kind.name(),
                name,
                bits(number),
                content.as_ref().map(|content| content.owner.name()),
                content.as_ref().map(|content| content.status.name()),
                content.as_ref().map(|content| &content.value),
                place,
                entry.at.as_microsecond(),
                entry.actor.kind.name(),
                entry.actor.name,
                renamed,
            ])?;
            let sql = "DELETE FROM definitions WHERE kind = ?1 AND name = ?2 AND version <= ?3";
            let gone = bits(number.saturating_sub(VERSIONS_KEPT));
            t.prepare_cached(sql)?.execute(params![kind.name(), name, gone])?;
        }
    }
    Ok(true)
}

/// The last version of a definition.
fn last(c: &Connection, id: &DefinitionId) -> rusqlite::Result<Option<DefinitionVersion>> {
    let sql = format!(
        "SELECT {VERSION} FROM definitions WHERE kind = ?1 AND name = ?2 ORDER BY version DESC LIMIT 1"
    );
    one(c, &sql, [id.kind.name(), &id.name], version)
}

/// A row with [`VERSION`].
fn version(row: &Row<'_>) -> rusqlite::Result<DefinitionVersion> {
    let value: Option<String> = row.get(5)?;
    let content = value.map(|value| -> rusqlite::Result<DefinitionContent> {
        let (owner, status) = (word(row, 3, Owner::from_name)?, word(row, 4, DefinitionStatus::from_name)?);
        Ok(DefinitionContent { owner, status, value })
    });
    let actor: String = row.get(9)?;
    Ok(DefinitionVersion {
        id: DefinitionId { kind: word(row, 0, DefinitionKind::from_name)?, name: row.get(1)? },
        version: unsigned(row, 2)?,
        content: content.transpose()?,
        place: row.get(6)?,
        at: time(row, 7)?,
        by: Actor::new(word(row, 8, ActorKind::from_name)?, actor),
        renamed: row.get(10)?,
    })
}
