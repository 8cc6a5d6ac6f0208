//! Definitions and their versions.

use async_trait::async_trait;
use outflow_core::ports::state::{
    AuditEntry, DefinitionChange, DefinitionContent, DefinitionFilter, DefinitionId, DefinitionKind,
    DefinitionQueries, DefinitionStatus, DefinitionVersion, Definitions, Owner, SyncRename, VERSIONS_KEPT,
};
use outflow_core::rules::{DefinitionStep, KeptOfSync, change_definition, check_rename};
use outflow_core::{Actor, ActorKind, Result};
use tokio_postgres::Row;

use super::audit;
use super::fault::{Fault, unreadable};
use super::handle::PostgresState;
use super::rows::{Cells, bits, capped};
use super::session::{Session, Values};
use super::text::escape;
use super::write::Writes;

/// The columns that [`version`] reads. A row that is damaged is an error.
const VERSION: &str = "kind, name, version, owner, status, value, place, at, actor_kind, actor, renamed, \
     intact('definitions', to_jsonb(definitions))";

#[async_trait]
impl<W: Send + Sync> DefinitionQueries for PostgresState<W> {
    async fn definitions(&self) -> Result<Vec<DefinitionVersion>> {
        self.definitions_like(&DefinitionFilter::default()).await
    }

    async fn definitions_like(&self, filter: &DefinitionFilter) -> Result<Vec<DefinitionVersion>> {
        self.pool.read(|s| async move { listed(&s, filter).await }).await
    }

    async fn definition(&self, id: &DefinitionId) -> Result<Option<DefinitionVersion>> {
        self.first(&last_one(), &[&id.kind.name(), &escape(&id.name)], version).await
    }

    async fn definition_versions(
        &self,
        id: &DefinitionId,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<DefinitionVersion>> {
        let (before, limit) = (before.map_or(i64::MAX, bits), capped(limit));
        let sql = format!(
            "SELECT {VERSION} FROM definitions WHERE kind = $1 AND name = $2 AND version < $3
             ORDER BY version DESC LIMIT $4"
        );
        self.all(&sql, &[&id.kind.name(), &escape(&id.name), &before, &limit], version).await
    }
}

/// The current versions that are meant. It steps over the index from name to name, however many
/// versions there are.
async fn listed(s: &Session, filter: &DefinitionFilter) -> Result<Vec<DefinitionVersion>, Fault> {
    let sql = format!(
        "WITH RECURSIVE names(known) AS
         ((SELECT min(name) FROM definitions WHERE kind = $1 AND name > $2) UNION ALL
         SELECT (SELECT min(name) FROM definitions WHERE kind = $1 AND name > known) FROM names
         WHERE known IS NOT NULL)
         SELECT {VERSION} FROM names CROSS JOIN LATERAL
         (SELECT * FROM definitions WHERE kind = $1 AND name = known ORDER BY version DESC LIMIT 1) definitions
         WHERE value IS NOT NULL AND ($3::text IS NULL OR status = $3) LIMIT $4"
    );
    let status = filter.status.map(DefinitionStatus::name);
    let mut found = Vec::new();
    for (kind, after) in filter.kinds() {
        let left = match filter.limit {
            0 => u64::MAX,
            limit => limit.saturating_sub(found.len() as u64),
        };
        if left > 0 {
            let values: Values<'_> = &[&kind.name(), &escape(after), &status, &capped(left)];
            found.extend(s.all(&sql, values, version).await?);
        }
    }
    Ok(found)
}

#[async_trait]
impl Definitions for PostgresState<Writes> {
    async fn put_definitions(
        &self,
        changes: &[(DefinitionChange, AuditEntry)],
    ) -> Result<Vec<Option<DefinitionVersion>>> {
        self.write(|t| async move {
            let mut now = Vec::new();
            for (change, entry) in changes {
                if put(&t, change, entry, None).await? {
                    audit::append(&t, std::slice::from_ref(entry)).await?;
                }
                now.push(last(&t, &change.id).await?);
            }
            Ok(now)
        })
        .await
    }

    async fn rename_sync(&self, rename: &SyncRename, entry: &AuditEntry) -> Result<()> {
        let SyncRename { from, to, changes, .. } = rename;
        self.write(|t| async move {
            check_rename(rename, kept(&t, from).await?, kept(&t, to).await?)?;
            for sql in [
                "DELETE FROM pauses WHERE kind = 'sync' AND name = $2
                 AND EXISTS (SELECT 1 FROM pauses p WHERE p.kind = 'sync' AND p.name = $1)",
                "UPDATE pauses SET name = $2 WHERE kind = 'sync' AND name = $1",
                "UPDATE syncs SET name = $2 WHERE name = $1",
                "UPDATE runs SET sync = $2 WHERE sync = $1",
                "UPDATE schedules SET sync = $2 WHERE sync = $1",
                "UPDATE usage SET sync = $2 WHERE sync = $1",
                "UPDATE gaps SET sync = $2 WHERE sync = $1",
            ] {
                t.execute(sql, &[&escape(from), &escape(to)]).await?;
            }
            for change in changes {
                let other = if change.content.is_some() { from } else { to };
                put(&t, change, entry, Some(other)).await?;
            }
            audit::append(&t, std::slice::from_ref(entry)).await
        })
        .await
    }
}

/// What is kept under a name of a sync.
async fn kept(t: &Session, sync: &str) -> Result<KeptOfSync, Fault> {
    let sql = "SELECT (SELECT count(*) FROM runs WHERE sync = $1 AND ended_at IS NULL),
               EXISTS (SELECT 1 FROM runs WHERE sync = $1) OR EXISTS (SELECT 1 FROM syncs WHERE name = $1)
               OR EXISTS (SELECT 1 FROM schedules WHERE sync = $1)
               OR EXISTS (SELECT 1 FROM usage WHERE sync = $1)
               OR EXISTS (SELECT 1 FROM gaps WHERE sync = $1)";
    let row = t.one(sql, &[&escape(sync)]).await?.ok_or_else(|| unreadable("no counts of a sync"))?;
    let mut cells = Cells::of(&row);
    Ok(KeptOfSync { unfinished: cells.unsigned()?, anything: cells.get()? })
}

/// Makes a change. Returns whether it made a version.
async fn put(
    t: &Session,
    change: &DefinitionChange,
    entry: &AuditEntry,
    renamed: Option<&str>,
) -> Result<bool, Fault> {
    let DefinitionChange { id: DefinitionId { kind, name }, content, place, .. } = change;
    let (kind, name) = (kind.name(), escape(name));
    let place = place.as_deref().map(escape);
    match change_definition(last(t, &change.id).await?.as_ref(), change)? {
        DefinitionStep::Keep => return Ok(false),
        DefinitionStep::Move => {
            let sql = "UPDATE definitions SET place = $3 WHERE kind = $1 AND name = $2 AND version =
                       (SELECT max(version) FROM definitions WHERE kind = $1 AND name = $2)";
            t.execute(sql, &[&kind, &name, &place]).await?;
            return Ok(false);
        }
        DefinitionStep::Write(number) => {
            let sql = "INSERT INTO definitions
                       (kind, name, version, owner, status, value, place, at, actor_kind, actor, renamed)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
            let owner = content.as_ref().map(|content| content.owner.name());
            let status = content.as_ref().map(|content| content.status.name());
            let value = content.as_ref().map(|content| &content.value);
            let (at, actor) = (entry.at.as_microsecond(), escape(&entry.actor.name));
            let renamed = renamed.map(escape);
            t.execute(
                sql,
                &[
                    &kind,
                    &name,
                    &bits(number),
                    &owner,
                    &status,
                    &value,
                    &place,
                    &at,
                    &entry.actor.kind.name(),
                    &actor,
                    &renamed,
                ],
            )
            .await?;
            let sql = "DELETE FROM definitions WHERE kind = $1 AND name = $2 AND version <= $3";
            t.execute(sql, &[&kind, &name, &bits(number.saturating_sub(VERSIONS_KEPT))]).await?;
        }
    }
    Ok(true)
}

fn last_one() -> String {
    format!("SELECT {VERSION} FROM definitions WHERE kind = $1 AND name = $2 ORDER BY version DESC LIMIT 1")
}

/// The last version of a definition.
async fn last(t: &Session, id: &DefinitionId) -> Result<Option<DefinitionVersion>, Fault> {
    let row = t.one(&last_one(), &[&id.kind.name(), &escape(&id.name)]).await?;
    row.map(|row| version(&row)).transpose()
}

/// A row with [`VERSION`].
fn version(row: &Row) -> Result<DefinitionVersion, Fault> {
    let mut c = Cells::of(row);
    let id = DefinitionId { kind: c.word(DefinitionKind::from_name)?, name: c.text()? };
    let number = c.unsigned()?;
    let (owner, status) = (c.optional_text()?, c.optional_text()?);
    // JSON is kept as it is.
    let value: Option<String> = c.get()?;
    let content = value.map(|value| {
        let owner = owner.as_deref().and_then(Owner::from_name);
        let status = status.as_deref().and_then(DefinitionStatus::from_name);
        let (Some(owner), Some(status)) = (owner, status) else {
            return Err(unreadable("a definition without an owner or a status that this version knows"));
        };
        Ok(DefinitionContent { owner, status, value })
    });
    Ok(DefinitionVersion {
        id,
        version: number,
        content: content.transpose()?,
        place: c.optional_text()?,
        at: c.time()?,
        by: Actor::new(c.word(ActorKind::from_name)?, c.text()?),
        renamed: c.optional_text()?,
    })
}
