//! Secrets that Outflow keeps: encrypted, with the addresses to which each may be sent.
//!
//! What always holds: a secret is set, resealed and removed as a whole, with its entries in the
//! audit log. What the state does not do: encrypt, decrypt, or know who uses a secret.

use async_trait::async_trait;
use jiff::Timestamp;

use super::AuditEntry;
use crate::{Actor, Result};

/// A secret as the state keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its name.
    pub name: String,
    /// Its id: another one each time that the secret is set.
    pub id: u128,
    /// The addresses to which it may be sent, each once, in order.
    pub addresses: Vec<String>,
    /// When it was set.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: Actor,
    /// The master key under which it is encrypted.
    pub key_id: String,
    /// Its data key, encrypted under the master key.
    pub wrapped: Vec<u8>,
    /// Its value, encrypted under the data key.
    pub sealed: Vec<u8>,
}

/// Looking at secrets.
#[async_trait]
pub trait SecretQueries: Send + Sync {
    /// Every secret, by name.
    async fn secrets(&self) -> Result<Vec<SecretRecord>>;
}

/// Keeping secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Keeps a secret, in place of the one of that name if there is one. Repeated: the same, with
    /// further entries in the audit log.
    async fn set_secret(&self, secret: &SecretRecord, audit: &[AuditEntry]) -> Result<()>;

    /// Replaces key and ciphertexts of these, except of those that were set again or removed since
    /// they were read. Returns how many it replaced. Repeated: the same, with further entries in
    /// the audit log.
    async fn reseal_secrets(&self, secrets: &[SecretRecord], audit: &[AuditEntry]) -> Result<u64>;

    /// Removes a secret. `false`: there is none of that name, and no entry was written. Repeated:
    /// `false`.
    async fn remove_secret(&self, name: &str, audit: &[AuditEntry]) -> Result<bool>;
}
