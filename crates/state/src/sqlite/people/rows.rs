//! Rows of the tables of people.

use outflow_core::ports::state::{
    ExternalIdentity, KnownBrowser, Role, SecretHash, SessionRecord, TokenRecord, UserRecord,
};
use rusqlite::{Result, Row};

use super::super::checksums::intact;
use super::super::rows::{json, optional, time, word};

/// What [`user`] reads.
pub(super) const USER: &str = concat!(
    "name, role, password, issuer, subject, created_at, disabled_at, ",
    intact!("users", "name, role, password, issuer, subject, created_at, disabled_at"),
    " FROM users"
);

/// What [`session`] reads.
pub(super) const SESSION: &str = concat!(
    "hash, user_name, created_at, used_at, expires_at, address, agent, ",
    intact!("sessions", "hash, user_name, created_at, used_at, expires_at, address, agent"),
    " FROM sessions"
);

/// What [`browser`] reads.
pub(super) const BROWSER: &str =
    concat!("hash, user_name, used_at, ", intact!("browsers", "hash, user_name, used_at"), " FROM browsers");

/// What [`token`] reads.
pub(super) const TOKEN: &str = concat!(
    "token, hash, name, scope, created_by, created_at, expires_at, used_at, revoked_at, ",
    intact!("tokens", "token, hash, name, scope, created_by, created_at, expires_at, used_at, revoked_at"),
    " FROM tokens"
);

pub(super) fn user(row: &Row<'_>) -> Result<UserRecord> {
    let (issuer, subject): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
    Ok(UserRecord {
        name: row.get(0)?,
        role: word(row, 1, Role::from_name)?,
        password: row.get(2)?,
        external: issuer.zip(subject).map(|(issuer, subject)| ExternalIdentity { issuer, subject }),
        created_at: time(row, 5)?,
        disabled_at: optional(row, 6, time)?,
    })
}

pub(super) fn session(row: &Row<'_>) -> Result<SessionRecord> {
    Ok(SessionRecord {
        hash: hash(row, 0)?,
        user: row.get(1)?,
        created_at: time(row, 2)?,
        used_at: time(row, 3)?,
        expires_at: time(row, 4)?,
        address: row.get(5)?,
        agent: row.get(6)?,
    })
}

pub(super) fn browser(row: &Row<'_>) -> Result<KnownBrowser> {
    Ok(KnownBrowser { hash: hash(row, 0)?, user: row.get(1)?, used_at: time(row, 2)? })
}

pub(super) fn token(row: &Row<'_>) -> Result<TokenRecord> {
    Ok(TokenRecord {
        id: row.get(0)?,
        hash: hash(row, 1)?,
        name: row.get(2)?,
        scope: json(row, 3)?,
        created_by: row.get(4)?,
        created_at: time(row, 5)?,
        expires_at: optional(row, 6, time)?,
        used_at: optional(row, 7, time)?,
        revoked_at: optional(row, 8, time)?,
    })
}

fn hash(row: &Row<'_>, i: usize) -> Result<SecretHash> {
    row.get(i)
}
