//! Who may use the service: the writes. The reads are in `queries`.

mod queries;
mod rows;

use async_trait::async_trait;
use outflow_core::ports::state::{
    AuditEntry, BROWSERS, KnownBrowser, People, SESSIONS, SessionRecord, SessionsToEnd, TokenRecord, Used,
    UserChange, UserRecord,
};
use outflow_core::{Result, Timestamp, rules};

use self::rows::{USER, user};
use super::audit::append;
use super::fault::Fault;
use super::handle::PostgresState;
use super::rows::to_json;
use super::session::{Session, Values};
use super::text::escape;
use super::write::Writes;

#[async_trait]
impl People for PostgresState<Writes> {
    async fn create_user(&self, user: &UserRecord, entry: &AuditEntry) -> Result<()> {
        self.write(|t| async move {
            insert_user(&t, user).await?;
            append(&t, std::slice::from_ref(entry)).await
        })
        .await
    }

    async fn create_first_user(&self, user: &UserRecord, entry: &AuditEntry) -> Result<()> {
        self.write(|t| async move {
            if t.one("SELECT 1 FROM users LIMIT 1", &[]).await?.is_some() {
                return Err(Fault::Known(rules::not_the_first_user()));
            }
            insert_user(&t, user).await?;
            append(&t, std::slice::from_ref(entry)).await
        })
        .await
    }

    async fn change_user(&self, name: &str, change: &UserChange, entry: &AuditEntry) -> Result<()> {
        self.write(|t| async move {
            let stored = escape(name);
            let found = t.one(&format!("SELECT {USER} WHERE name = $1"), &[&stored]).await?;
            let before = found.as_ref().map(user).transpose()?.ok_or_else(|| rules::no_such_user(name))?;
            rules::check_user_change(&before, change, admins_beside(&t, name).await?)?;
            let after = rules::changed_user(before, change);
            let disabled_at = after.disabled_at.map(Timestamp::as_microsecond);
            let sql = "UPDATE users SET role = $2, password = $3, disabled_at = $4 WHERE name = $1";
            t.execute(sql, &[&stored, &after.role.name(), &after.password, &disabled_at]).await?;
            t.execute("DELETE FROM sessions WHERE user_name = $1", &[&stored]).await?;
            if matches!(change, UserChange::Password(_)) {
                t.execute("DELETE FROM browsers WHERE user_name = $1", &[&stored]).await?;
            }
            append(&t, std::slice::from_ref(entry)).await
        })
        .await
    }

    async fn begin_session(
        &self,
        session: &SessionRecord,
        browser: Option<&KnownBrowser>,
        entry: &AuditEntry,
    ) -> Result<()> {
        self.write(|t| async move {
            let sql = format!("SELECT {USER} WHERE name = $1");
            let found = t.one(&sql, &[&escape(&session.user)]).await?.as_ref().map(user).transpose()?;
            if found.is_none_or(|user| user.disabled_at.is_some()) {
                return Err(Fault::Known(rules::no_such_user(&session.user)));
            }
            insert_session(&t, session).await?;
            if let Some(browser) = browser {
                insert_browser(&t, browser).await?;
            }
            append(&t, std::slice::from_ref(entry)).await
        })
        .await
    }

    async fn end_sessions(&self, which: &SessionsToEnd, entry: &AuditEntry) -> Result<u64> {
        self.write(|t| async move {
            let ended = match which {
                SessionsToEnd::One(hash) => {
                    t.execute("DELETE FROM sessions WHERE hash = $1", &[&hash.as_slice()]).await
                }
                SessionsToEnd::Of(user) => {
                    t.execute("DELETE FROM sessions WHERE user_name = $1", &[&escape(user)]).await
                }
            }?;
            append(&t, std::slice::from_ref(entry)).await?;
            Ok(ended)
        })
        .await
    }

    async fn create_token(&self, token: &TokenRecord, entry: &AuditEntry) -> Result<()> {
        self.write(|t| async move {
            insert_token(&t, token).await?;
            append(&t, std::slice::from_ref(entry)).await
        })
        .await
    }

    async fn revoke_token(&self, id: &str, at: Timestamp, entry: &AuditEntry) -> Result<()> {
        let sql = "UPDATE tokens SET revoked_at = coalesce(revoked_at, $2) WHERE token = $1";
        self.write(|t| async move {
            if t.execute(sql, &[&escape(id), &at.as_microsecond()]).await? == 0 {
                return Err(Fault::Known(rules::no_such_token(id)));
            }
            append(&t, std::slice::from_ref(entry)).await
        })
        .await
    }

    async fn touch(&self, used: &[(Used, Timestamp)]) -> Result<()> {
        self.write(|t| async move {
            for (what, at) in used {
                let (table, hash) = match what {
                    Used::Session(hash) => ("sessions", hash),
                    Used::Token(hash) => ("tokens", hash),
                };
                let sql = format!(
                    "UPDATE {table} SET used_at = $2 WHERE hash = $1 AND (used_at IS NULL OR used_at < $2)"
                );
                t.execute(&sql, &[&hash.as_slice(), &at.as_microsecond()]).await?;
            }
            Ok(())
        })
        .await
    }
}

async fn insert_user(t: &Session, user: &UserRecord) -> Result<(), Fault> {
    let sql = "INSERT INTO users (name, role, password, issuer, subject, created_at, disabled_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let external = user.external.as_ref();
    let values: Values<'_> = &[
        &escape(&user.name),
        &user.role.name(),
        &user.password,
        &external.map(|e| escape(&e.issuer)),
        &external.map(|e| escape(&e.subject)),
        &user.created_at.as_microsecond(),
        &user.disabled_at.map(Timestamp::as_microsecond),
    ];
    match t.execute(sql, values).await? {
        0 => Err(Fault::Known(rules::name_taken("user", &user.name))),
        _ => Ok(()),
    }
}

/// Adds a session, and removes those that have ended by then and those that are too many.
async fn insert_session(t: &Session, session: &SessionRecord) -> Result<(), Fault> {
    let created_at = session.created_at.as_microsecond();
    t.execute("DELETE FROM sessions WHERE expires_at <= $1", &[&created_at]).await?;
    let sql = "INSERT INTO sessions (hash, user_name, created_at, used_at, expires_at, address, agent)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let user = escape(&session.user);
    let values: Values<'_> = &[
        &session.hash.as_slice(),
        &user,
        &created_at,
        &session.used_at.as_microsecond(),
        &session.expires_at.as_microsecond(),
        &session.address.as_deref().map(escape),
        &session.agent.as_deref().map(escape),
    ];
    t.execute(sql, values).await?;
    let sql = "DELETE FROM sessions WHERE user_name = $1 AND hash NOT IN
           (SELECT hash FROM sessions WHERE user_name = $1 ORDER BY created_at DESC, hash LIMIT $2)";
    t.execute(sql, &[&user, &SESSIONS]).await?;
    Ok(())
}

/// Adds a browser or notes that it was used again, and removes those that are too many.
async fn insert_browser(t: &Session, browser: &KnownBrowser) -> Result<(), Fault> {
    let sql = "INSERT INTO browsers (hash, user_name, used_at) VALUES ($1, $2, $3)
           ON CONFLICT (hash) DO UPDATE SET user_name = excluded.user_name, used_at = excluded.used_at";
    let user = escape(&browser.user);
    t.execute(sql, &[&browser.hash.as_slice(), &user, &browser.used_at.as_microsecond()]).await?;
    let sql = "DELETE FROM browsers WHERE user_name = $1 AND hash NOT IN
           (SELECT hash FROM browsers WHERE user_name = $1 ORDER BY used_at DESC, hash LIMIT $2)";
    t.execute(sql, &[&user, &BROWSERS]).await?;
    Ok(())
}

async fn insert_token(t: &Session, token: &TokenRecord) -> Result<(), Fault> {
    let sql = "INSERT INTO tokens
           (token, hash, name, scope, created_by, created_at, expires_at, used_at, revoked_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
    let time = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
    let values: Values<'_> = &[
        &escape(&token.id),
        &token.hash.as_slice(),
        &escape(&token.name),
        &to_json(&token.scope),
        &escape(&token.created_by),
        &token.created_at.as_microsecond(),
        &time(token.expires_at),
        &time(token.used_at),
        &time(token.revoked_at),
    ];
    match t.execute(sql, values).await? {
        0 => Err(Fault::Known(rules::name_taken("token", &token.id))),
        _ => Ok(()),
    }
}

/// How many active administrators there are beside this user.
async fn admins_beside(t: &Session, name: &str) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL AND name <> $1";
    let found = t.one(sql, &[&escape(name)]).await?;
    Ok(found.map(|row| row.try_get::<_, i64>(0)).transpose()?.unwrap_or_default().cast_unsigned())
}
