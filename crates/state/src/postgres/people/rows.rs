//! Rows of the tables of people.

use outflow_core::ports::state::{
    ExternalIdentity, KnownBrowser, Role, SecretHash, SessionRecord, TokenRecord, UserRecord,
};
use tokio_postgres::Row;

use super::super::fault::{Fault, unreadable};
use super::super::rows::Cells;

/// What [`user`] reads.
pub(super) const USER: &str = "name, role, password, issuer, subject, created_at, disabled_at, \
     intact('users', to_jsonb(users)) FROM users";

/// What [`session`] reads.
pub(super) const SESSION: &str = "hash, user_name, created_at, used_at, expires_at, address, agent, \
     intact('sessions', to_jsonb(sessions)) FROM sessions";

/// What [`browser`] reads.
pub(super) const BROWSER: &str =
    "hash, user_name, used_at, intact('browsers', to_jsonb(browsers)) FROM browsers";

/// What [`token`] reads.
pub(super) const TOKEN: &str = "token, hash, name, scope, created_by, created_at, expires_at, used_at, \
     revoked_at, intact('tokens', to_jsonb(tokens)) FROM tokens";

pub(super) fn user(row: &Row) -> Result<UserRecord, Fault> {
    let mut c = Cells::of(row);
    let (name, role, password) = (c.text()?, c.word(Role::from_name)?, c.get()?);
    let (issuer, subject) = (c.optional_text()?, c.optional_text()?);
    let external = issuer.zip(subject).map(|(issuer, subject)| ExternalIdentity { issuer, subject });
    let (created_at, disabled_at) = (c.time()?, c.optional_time()?);
    Ok(UserRecord { name, role, password, external, created_at, disabled_at })
}

pub(super) fn session(row: &Row) -> Result<SessionRecord, Fault> {
    let mut c = Cells::of(row);
    Ok(SessionRecord {
        hash: hash(&mut c)?,
        user: c.text()?,
        created_at: c.time()?,
        used_at: c.time()?,
        expires_at: c.time()?,
        address: c.optional_text()?,
        agent: c.optional_text()?,
    })
}

pub(super) fn browser(row: &Row) -> Result<KnownBrowser, Fault> {
    let mut c = Cells::of(row);
    Ok(KnownBrowser { hash: hash(&mut c)?, user: c.text()?, used_at: c.time()? })
}

pub(super) fn token(row: &Row) -> Result<TokenRecord, Fault> {
    let mut c = Cells::of(row);
    Ok(TokenRecord {
        id: c.text()?,
        hash: hash(&mut c)?,
        name: c.text()?,
        scope: c.json()?,
        created_by: c.text()?,
        created_at: c.time()?,
        expires_at: c.optional_time()?,
        used_at: c.optional_time()?,
        revoked_at: c.optional_time()?,
    })
}

fn hash(c: &mut Cells<'_>) -> Result<SecretHash, Fault> {
    c.get::<&[u8]>()?.try_into().map_err(|_| unreadable("a hash that does not have 32 bytes"))
}
