//! Looking at who may use the service.

use async_trait::async_trait;
use outflow_core::Result;
use outflow_core::ports::state::{
    ExternalIdentity, KnownBrowser, PeopleQueries, SecretHash, SessionRecord, TokenRecord, UserRecord,
};
use rusqlite::Connection;

use super::super::Sqlite;
use super::super::sql::{all, one};
use super::rows::{BROWSER, SESSION, TOKEN, USER, browser, session, token, user};

#[async_trait]
impl<W: Send + Sync> PeopleQueries for Sqlite<W> {
    async fn users(&self) -> Result<Vec<UserRecord>> {
        self.readers.read(|c| all(c, &format!("SELECT {USER} ORDER BY name"), [], user)).await
    }

    async fn user(&self, name: &str) -> Result<Option<UserRecord>> {
        let name = name.to_owned();
        self.readers.read(move |c| user_named(c, &name)).await
    }

    async fn user_of(&self, external: &ExternalIdentity) -> Result<Option<UserRecord>> {
        let ExternalIdentity { issuer, subject } = external.clone();
        let sql = format!("SELECT {USER} WHERE issuer = ?1 AND subject = ?2");
        self.readers.read(move |c| one(c, &sql, [issuer, subject], user)).await
    }

    async fn session(&self, hash: &SecretHash) -> Result<Option<(SessionRecord, UserRecord)>> {
        let hash = *hash;
        let read = move |c: &Connection| {
            let Some(found) = one(c, &format!("SELECT {SESSION} WHERE hash = ?1"), [hash], session)? else {
                return Ok(None);
            };
            Ok(user_named(c, &found.user)?.map(|user| (found, user)))
        };
        self.readers.read(read).await
    }

    async fn sessions(&self, of: Option<&str>) -> Result<Vec<SessionRecord>> {
        let of = of.map(str::to_owned);
        let sql =
            format!("SELECT {SESSION} WHERE ?1 IS NULL OR user_name = ?1 ORDER BY created_at DESC, hash");
        self.readers.read(move |c| all(c, &sql, [of], session)).await
    }

    async fn token(&self, hash: &SecretHash) -> Result<Option<TokenRecord>> {
        let hash = *hash;
        self.readers.read(move |c| one(c, &format!("SELECT {TOKEN} WHERE hash = ?1"), [hash], token)).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        let sql = format!("SELECT {TOKEN} ORDER BY created_at DESC, token");
        self.readers.read(move |c| all(c, &sql, [], token)).await
    }

    async fn browser(&self, hash: &SecretHash) -> Result<Option<KnownBrowser>> {
        let hash = *hash;
        let read =
            move |c: &Connection| one(c, &format!("SELECT {BROWSER} WHERE hash = ?1"), [hash], browser);
        self.readers.read(read).await
    }
}

fn user_named(c: &Connection, name: &str) -> rusqlite::Result<Option<UserRecord>> {
    one(c, &format!("SELECT {USER} WHERE name = ?1"), [name], user)
}
