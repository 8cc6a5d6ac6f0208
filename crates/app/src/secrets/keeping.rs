//! Changes of secrets, by the process that holds the state.

use outflow_core::ports::state::{AuditEntry, AuditResult, SecretRecord, State};
use outflow_core::{Clock as _, Code, Error, Secret, SystemClock, hash};
use outflow_engine::FORMAT_VERSION;
use outflow_project::{SecretUse, StoredDefinition};
use outflow_secrets::{KeySource, Keyring};
use serde_json::{Value, json};

use super::values::{self, Freshness, addresses, off_thread, subject, used_by};
use crate::recorded::{Act, failing};
use crate::secret_documents::{IntendedUse, SecretChange};
use crate::{App, definitions};

impl App {
    /// Keeps a secret in this state.
    pub(crate) async fn keep_secret(
        &self,
        state: &dyn State,
        name: &str,
        value: &Secret,
        intended: &[IntendedUse],
    ) -> Result<SecretChange, Error> {
        let act = Act::new("secret.set", format!("secret/{name}"));
        let kept = async {
            let uses = self.uses_with(state, intended).await?;
            self.keep(state, name, value, &uses, &act).await
        };
        failing(state, &self.actor, &act, kept).await
    }

    /// What uses which secret, as this state says, and what will.
    async fn uses_with(&self, state: &dyn State, intended: &[IntendedUse]) -> Result<Vec<SecretUse>, Error> {
        let stored = definitions::running(&state.definitions().await?)?;
        let mut uses = self.secret_uses(stored.clone().into()).await?;
        if !intended.is_empty() {
            let is_kept = |stored: &StoredDefinition| intended.iter().all(|meant| meant.id != stored.id);
            let kept = stored.into_iter().filter(is_kept);
            let meant = intended.iter().cloned();
            let meant = meant.map(|IntendedUse { id, value }| StoredDefinition { id, version: 0, value });
            uses.extend(self.secret_uses(kept.chain(meant).collect()).await?);
        }
        Ok(uses)
    }

    async fn keep(
        &self,
        state: &dyn State,
        name: &str,
        value: &Secret,
        uses: &[SecretUse],
        act: &Act,
    ) -> Result<SecretChange, Error> {
        let records = state.secrets().await?;
        let source = self.key_source(state.installation()).await?;
        let (keys, is_new) = self.keys_to_write(&source, &records).await?;
        let before = records.iter().find(|record| record.name == name);
        let mut record = SecretRecord {
            name: name.to_owned(),
            id: hash::random()?,
            addresses: addresses(uses, name),
            set_at: SystemClock.now(),
            set_by: self.actor.clone(),
            key_id: String::new(),
            wrapped: Vec::new(),
            sealed: Vec::new(),
        };
        seal(&keys, &mut record, value)?;
        let entry = entry(act, self, before, Some(&record));
        state.set_secret(&record, &[entry]).await?;
        Ok(SecretChange {
            format_version: FORMAT_VERSION,
            name: name.to_owned(),
            existed: before.is_some(),
            addresses: record.addresses,
            used_by: used_by(uses, name),
            new_key: is_new.then(|| source.shown()),
            not_in_force: None,
        })
    }

    /// Removes a secret from this state.
    pub(crate) async fn drop_secret(&self, state: &dyn State, name: &str) -> Result<SecretChange, Error> {
        let act = Act::new("secret.remove", format!("secret/{name}"));
        failing(state, &self.actor, &act, self.remove(state, name, &act)).await
    }

    async fn remove(&self, state: &dyn State, name: &str, act: &Act) -> Result<SecretChange, Error> {
        let records = state.secrets().await?;
        let before = records.iter().find(|record| record.name == name);
        let Some(before) = before else { return Err(unknown(name, &records)) };
        let used_by = used_by(&self.uses_with(state, &[]).await?, name);
        if !used_by.is_empty() {
            let message = format!("the secret {name} is in use: {}", used_by.join(", "));
            return Err(Error::new(Code::SecretInUse, message).help("take the reference out first"));
        }
        state.remove_secret(name, &[entry(act, self, Some(before), None)]).await?;
        Ok(SecretChange {
            format_version: FORMAT_VERSION,
            name: name.to_owned(),
            existed: true,
            addresses: before.addresses.clone(),
            used_by,
            new_key: None,
            not_in_force: None,
        })
    }
}

impl App {
    /// The keys for a secret that is set, and whether one was made. A key that is gone is not
    /// replaced while something is encrypted under it: that would hide the loss.
    async fn keys_to_write(
        &self,
        source: &KeySource,
        records: &[SecretRecord],
    ) -> Result<(Keyring, bool), Error> {
        match (self.keys(source, Freshness::Now).await?, source) {
            (Some(keys), _) => Ok((keys, false)),
            (None, KeySource::Own(path)) if records.is_empty() => {
                let path = path.clone();
                Ok((off_thread(move || outflow_secrets::add_key(&path)).await?, true))
            }
            (None, _) => {
                let message = format!("the key of the secrets is gone: {} is not there", source.shown());
                Err(Error::new(Code::SecretKeyUnavailable, message).help(
                "put the file back; if it is lost, write a new key there (`openssl rand -base64 32`) and set each \
                 secret again",
            ))
            }
        }
    }
}

/// Encrypts a value into its record.
pub(super) fn seal(keys: &Keyring, record: &mut SecretRecord, value: &Secret) -> Result<(), Error> {
    let sealed = outflow_secrets::seal(keys.first(), subject(record), value)?;
    (record.key_id, record.wrapped, record.sealed) = (sealed.key_id, sealed.wrapped, sealed.sealed);
    Ok(())
}

/// The entry of a change. It names addresses and keys, and no value.
fn entry(act: &Act, app: &App, before: Option<&SecretRecord>, after: Option<&SecretRecord>) -> AuditEntry {
    let shown = |record: &SecretRecord| -> Value {
        json!({ "addresses": record.addresses, "set_at": record.set_at, "key_id": record.key_id })
    };
    AuditEntry {
        before: before.map(|record| shown(record).to_string()),
        after: after.map(|record| shown(record).to_string()),
        ..act.entry(&app.actor, AuditResult::Done)
    }
}

/// C033, with the names that there are.
fn unknown(name: &str, records: &[SecretRecord]) -> Error {
    let names: Vec<&str> = records.iter().map(|record| record.name.as_str()).collect();
    let help = outflow_project::suggestion(name, "the secrets are", &names);
    Error::new(Code::NoSuchSecret, format!("there is no secret {name:?}")).help(help)
}

/// The value of a record, for whoever encrypts it again.
pub(super) fn value_of(keys: &Keyring, record: &SecretRecord) -> Result<Secret, Error> {
    values::open(Some(keys), record)
}
