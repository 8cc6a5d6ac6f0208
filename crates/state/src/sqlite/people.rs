//! Who may use the service: the writes. The reads are in `queries`.

mod queries;
mod rows;

use async_trait::async_trait;
use outflow_core::ports::state::{
    AuditEntry, BROWSERS, KnownBrowser, People, SESSIONS, SessionRecord, SessionsToEnd, TokenRecord, Used,
    UserChange, UserRecord,
};
use outflow_core::{Result, Timestamp, rules};
use rusqlite::{Connection, Transaction, params};

use self::rows::{USER, user};
use super::Sqlite;
use super::audit::append;
use super::connection::Writer;
use super::errors::Fault;
use super::rows::to_json;
use super::sql::one;

#[async_trait]
impl People for Sqlite<Writer> {
    async fn create_user(&self, user: &UserRecord, entry: &AuditEntry) -> Result<()> {
        let (user, entry) = (user.clone(), entry.clone());
        let write = move |t: &Transaction<'_>| {
            insert_user(t, &user)?;
            append(t, std::slice::from_ref(&entry))
        };
        self.writer.write(write).await
    }

    async fn create_first_user(&self, user: &UserRecord, entry: &AuditEntry) -> Result<()> {
        let (user, entry) = (user.clone(), entry.clone());
        let write = move |t: &Transaction<'_>| {
            if one(t, "SELECT 1 FROM users LIMIT 1", [], |_| Ok(()))?.is_some() {
                return Err(Fault::Known(rules::not_the_first_user()));
            }
            insert_user(t, &user)?;
            append(t, std::slice::from_ref(&entry))
        };
        self.writer.write(write).await
    }

    async fn change_user(&self, name: &str, change: &UserChange, entry: &AuditEntry) -> Result<()> {
        let (name, change, entry) = (name.to_owned(), change.clone(), entry.clone());
        let write = move |t: &Transaction<'_>| {
            let before = one(t, &format!("SELECT {USER} WHERE name = ?1"), [&name], user)?;
            let before = before.ok_or_else(|| rules::no_such_user(&name))?;
            rules::check_user_change(&before, &change, admins_beside(t, &name)?)?;
            let after = rules::changed_user(before, &change);
            let disabled_at = after.disabled_at.map(Timestamp::as_microsecond);
            let sql = "UPDATE users SET role = ?2, password = ?3, disabled_at = ?4 WHERE name = ?1";
            t.prepare_cached(sql)?.execute(params![name, after.role.name(), after.password, disabled_at])?;
            t.execute("DELETE FROM sessions WHERE user_name = ?1", [&name])?;
            if matches!(change, UserChange::Password(_)) {
                t.execute("DELETE FROM browsers WHERE user_name = ?1", [&name])?;
            }
            append(t, std::slice::from_ref(&entry))
        };
        self.writer.write(write).await
    }

    async fn begin_session(
        &self,
        session: &SessionRecord,
        browser: Option<&KnownBrowser>,
        entry: &AuditEntry,
    ) -> Result<()> {
        let (session, browser, entry) = (session.clone(), browser.cloned(), entry.clone());
        let write = move |t: &Transaction<'_>| {
            let found = one(t, &format!("SELECT {USER} WHERE name = ?1"), [&session.user], user)?;
            if found.is_none_or(|user| user.disabled_at.is_some()) {
                return Err(Fault::Known(rules::no_such_user(&session.user)));
            }
            insert_session(t, &session)?;
            if let Some(browser) = &browser {
                insert_browser(t, browser)?;
            }
            append(t, std::slice::from_ref(&entry))
        };
        self.writer.write(write).await
    }

    async fn end_sessions(&self, which: &SessionsToEnd, entry: &AuditEntry) -> Result<u64> {
        let (which, entry) = (which.clone(), entry.clone());
        let write = move |t: &Transaction<'_>| {
            let ended = match &which {
                SessionsToEnd::One(hash) => t.execute("DELETE FROM sessions WHERE hash = ?1", [hash]),
                SessionsToEnd::Of(user) => t.execute("DELETE FROM sessions WHERE user_name = ?1", [user]),
            }?;
            append(t, std::slice::from_ref(&entry))?;
            Ok(ended as u64)
        };
        self.writer.write(write).await
    }

    async fn create_token(&self, token: &TokenRecord, entry: &AuditEntry) -> Result<()> {
        let (token, entry) = (token.clone(), entry.clone());
        let write = move |t: &Transaction<'_>| {
            let sql = "INSERT INTO tokens
                       (token, hash, name, scope, created_by, created_at, expires_at, used_at, revoked_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
            let time = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
            let values = params![
                token.id,
                token.hash,
                token.name,
                to_json(&token.scope),
                token.created_by,
                token.created_at.as_microsecond(),
                time(token.expires_at),
                time(token.used_at),
                time(token.revoked_at),
            ];
            if t.prepare_cached(sql)?.execute(values)? == 0 {
                return Err(Fault::Known(rules::name_taken("token", &token.id)));
            }
            append(t, std::slice::from_ref(&entry))
        };
        self.writer.write(write).await
    }

    async fn revoke_token(&self, id: &str, at: Timestamp, entry: &AuditEntry) -> Result<()> {
        let (id, entry) = (id.to_owned(), entry.clone());
        let write = move |t: &Transaction<'_>| {
            let sql = "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?2) WHERE token = ?1";
            if t.prepare_cached(sql)?.execute(params![id, at.as_microsecond()])? == 0 {
                return Err(Fault::Known(rules::no_such_token(&id)));
            }
            append(t, std::slice::from_ref(&entry))
        };
        self.writer.write(write).await
    }

    async fn touch(&self, used: &[(Used, Timestamp)]) -> Result<()> {
        let used = used.to_vec();
        let write = move |t: &Transaction<'_>| {
            for (what, at) in &used {
                let (table, hash) = match what {
                    Used::Session(hash) => ("sessions", hash),
                    Used::Token(hash) => ("tokens", hash),
                };
                let sql = format!(
                    "UPDATE {table} SET used_at = ?2 WHERE hash = ?1 AND (used_at IS NULL OR used_at < ?2)"
                );
                t.prepare_cached(&sql)?.execute(params![hash, at.as_microsecond()])?;
            }
            Ok(())
        };
        self.writer.write(write).await
    }
}

fn insert_user(t: &Transaction<'_>, user: &UserRecord) -> Result<(), Fault> {
    let sql = "INSERT INTO users (name, role, password, issuer, subject, created_at, disabled_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let external = user.external.as_ref();
    let values = params![
        user.name,
        user.role.name(),
        user.password,
        external.map(|e| &e.issuer),
        external.map(|e| &e.subject),
        user.created_at.as_microsecond(),
        user.disabled_at.map(Timestamp::as_microsecond),
    ];
    match t.prepare_cached(sql)?.execute(values)? {
        0 => Err(Fault::Known(rules::name_taken("user", &user.name))),
        _ => Ok(()),
    }
}

/// Adds a session, and removes those that have ended by then and those that are too many.
fn insert_session(t: &Transaction<'_>, session: &SessionRecord) -> Result<(), Fault> {
    let created_at = session.created_at.as_microsecond();
    t.execute("DELETE FROM sessions WHERE expires_at <= ?1", [created_at])?;
    let sql = "INSERT INTO sessions (hash, user_name, created_at, used_at, expires_at, address, agent)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    t.prepare_cached(sql)?.execute(params![
        session.hash,
        session.user,
        created_at,
        session.used_at.as_microsecond(),
        session.expires_at.as_microsecond(),
        session.address,
        session.agent,
    ])?;
    let sql = "DELETE FROM sessions WHERE user_name = ?1 AND hash NOT IN
               (SELECT hash FROM sessions WHERE user_name = ?1 ORDER BY created_at DESC, hash LIMIT ?2)";
    t.prepare_cached(sql)?.execute(params![session.user, SESSIONS])?;
    Ok(())
}

/// Adds a browser or notes that it was used again, and removes those that are too many.
fn insert_browser(t: &Transaction<'_>, browser: &KnownBrowser) -> Result<(), Fault> {
    let sql = "INSERT INTO browsers (hash, user_name, used_at) VALUES (?1, ?2, ?3)
               ON CONFLICT (hash) DO UPDATE SET user_name = excluded.user_name, used_at = excluded.used_at";
    t.prepare_cached(sql)?.execute(params![browser.hash, browser.user, browser.used_at.as_microsecond()])?;
    let sql = "DELETE FROM browsers WHERE user_name = ?1 AND hash NOT IN
               (SELECT hash FROM browsers WHERE user_name = ?1 ORDER BY used_at DESC, hash LIMIT ?2)";
    t.prepare_cached(sql)?.execute(params![browser.user, BROWSERS])?;
    Ok(())
}

/// How many active administrators there are beside this user.
fn admins_beside(c: &Connection, name: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL AND name <> ?1";
    c.query_row(sql, [name], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}
