//! Looking at who may use the service.

use async_trait::async_trait;
use outflow_core::Result;
use outflow_core::ports::state::{
    ExternalIdentity, KnownBrowser, PeopleQueries, SecretHash, SessionRecord, TokenRecord, UserRecord,
};

use super::super::handle::PostgresState;
use super::super::text::escape;
use super::rows::{BROWSER, SESSION, TOKEN, USER, browser, session, token, user};

#[async_trait]
impl<W: Send + Sync> PeopleQueries for PostgresState<W> {
    async fn users(&self) -> Result<Vec<UserRecord>> {
        self.all(&format!("SELECT {USER} ORDER BY name"), &[], user).await
    }

    async fn user(&self, name: &str) -> Result<Option<UserRecord>> {
        self.first(&format!("SELECT {USER} WHERE name = $1"), &[&escape(name)], user).await
    }

    async fn user_of(&self, external: &ExternalIdentity) -> Result<Option<UserRecord>> {
        let sql = format!("SELECT {USER} WHERE issuer = $1 AND subject = $2");
        self.first(&sql, &[&escape(&external.issuer), &escape(&external.subject)], user).await
    }

    async fn session(&self, hash: &SecretHash) -> Result<Option<(SessionRecord, UserRecord)>> {
        let sql = format!("SELECT {SESSION} WHERE hash = $1");
        let Some(found) = self.first(&sql, &[&hash.as_slice()], session).await? else { return Ok(None) };
        Ok(self.user(&found.user).await?.map(|user| (found, user)))
    }

    async fn sessions(&self, of: Option<&str>) -> Result<Vec<SessionRecord>> {
        let sql = format!(
            "SELECT {SESSION} WHERE $1::text IS NULL OR user_name = $1 ORDER BY created_at DESC, hash"
        );
        self.all(&sql, &[&of.map(escape)], session).await
    }

    async fn token(&self, hash: &SecretHash) -> Result<Option<TokenRecord>> {
        self.first(&format!("SELECT {TOKEN} WHERE hash = $1"), &[&hash.as_slice()], token).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRecord>> {
        self.all(&format!("SELECT {TOKEN} ORDER BY created_at DESC, token"), &[], token).await
    }

    async fn browser(&self, hash: &SecretHash) -> Result<Option<KnownBrowser>> {
        self.first(&format!("SELECT {BROWSER} WHERE hash = $1"), &[&hash.as_slice()], browser).await
    }
}
