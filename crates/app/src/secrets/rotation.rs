//! Changing the master key while everything runs.
//!
//! What always holds: at each moment every secret is encrypted under one of the keys that can be
//! read. The new key is durable before anything is encrypted under it, and the old one goes only
//! when nothing is encrypted under it any more. A rotation that was interrupted is finished by the
//! next one, which makes no further key.

use outflow_core::ports::state::{AuditResult, SecretRecord, State};
use outflow_core::{Code, Error};
use outflow_engine::FORMAT_VERSION;
use outflow_secrets::{KeySource, Keyring};
use serde_json::json;

use super::keeping::{seal, value_of};
use super::values::{Freshness, off_thread};
use crate::App;
use crate::recorded::{Act, recorded};
use crate::secret_documents::Rotation;

/// As many secrets are encrypted again in one transaction.
const TOGETHER: usize = 20;

impl App {
    /// Encrypts every secret of this state again.
    pub(crate) async fn rotate(&self, state: &dyn State) -> Result<Rotation, Error> {
        let source = self.key_source(state.installation()).await?;
        let records = state.secrets().await?;
        let keys = match self.keys(&source, Freshness::Now).await? {
            Some(keys) => keys,
            None => return Err(nothing_to_rotate(&source, &records)),
        };
        let act = Act::new("secret.rotate", "secrets");
        recorded(state, &self.actor, Some(act.clone()), async {
            let keys = next_keys(&source, keys, &records).await?;
            let resealed = reseal_all(state, &keys).await?;
            let older_keys_left = match &source {
                KeySource::Own(path) => {
                    let path = path.clone();
                    off_thread(move || outflow_secrets::keep_first(&path)).await?;
                    false
                }
                _ => keys.ids().count() > 1,
            };
            let key_id = keys.first().id().to_owned();
            let done = act.with(json!({ "key_id": key_id, "resealed": resealed }));
            state.record(&[done.entry(&self.actor, AuditResult::Done)]).await?;
            let (format_version, key) = (FORMAT_VERSION, source.shown());
            Ok(Rotation { format_version, key_id, key, resealed, older_keys_left })
        })
        .await
    }
}

/// The keys with the one in front that everything is to be encrypted under.
async fn next_keys(source: &KeySource, keys: Keyring, records: &[SecretRecord]) -> Result<Keyring, Error> {
    let is_unfinished = records.iter().any(|record| record.key_id != keys.first().id());
    match source {
        KeySource::Own(path) if !is_unfinished => {
            let path = path.clone();
            off_thread(move || outflow_secrets::add_key(&path)).await
        }
        _ if is_unfinished => Ok(keys),
        _ => {
            let message =
                format!("every secret is encrypted under the first key of {} already", source.shown());
            Err(Error::new(Code::ConflictingOptions, message).help(
                "put a new key in front of it, each on a line of its own, and rotate then; the old one can \
                 go afterwards",
            ))
        }
    }
}

/// Encrypts again what is not under the first key, until nothing is left.
async fn reseal_all(state: &dyn State, keys: &Keyring) -> Result<u64, Error> {
    let mut resealed = 0_u64;
    loop {
        let older: Vec<SecretRecord> =
            state.secrets().await?.into_iter().filter(|record| record.key_id != keys.first().id()).collect();
        if older.is_empty() {
            return Ok(resealed);
        }
        for some in older.chunks(TOGETHER) {
            let again = some.iter().map(|record| {
                let value = value_of(keys, record)?;
                let mut record = record.clone();
                seal(keys, &mut record, &value)?;
                Ok(record)
            });
            let again: Vec<SecretRecord> = again.collect::<Result<_, Error>>()?;
            resealed = resealed.saturating_add(state.reseal_secrets(&again, &[]).await?);
        }
    }
}

fn nothing_to_rotate(source: &KeySource, records: &[SecretRecord]) -> Error {
    let shown = source.shown();
    match records.is_empty() {
        true => Error::new(Code::NoSuchSecret, "there is no secret yet, and no key").help("set one first"),
        false => {
            let message = format!("the key of the secrets is gone: {shown} is not there");
            Error::new(Code::SecretKeyUnavailable, message).help("put the file back")
        }
    }
}
