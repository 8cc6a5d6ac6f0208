//! Reading secrets: which ones a project uses, the key, and the values that references become.
//!
//! What always holds: the key is asked for only if a project uses a secret that is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use outflow_core::ports::state::{SecretRecord, StateReader};
use outflow_core::{Code, Error, Secret};
use outflow_project::{KeptSecret, KeptSecrets, Project, SecretKeyConfig, SecretUse, StoredDefinition};
use outflow_secrets::{KeySource, Keyring, Sealed, Subject};

use crate::App;

/// Every secret, and the keys.
pub(super) struct Kept {
    pub(super) records: Vec<SecretRecord>,
    pub(super) source: KeySource,
    /// `None`: there is no key of our own yet.
    pub(super) keys: Option<Keyring>,
}

/// How old the keys may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// They are read now.
    Now,
    /// A command may have printed them a moment ago.
    Recent,
}

impl App {
    /// Which parts of the project use which secret, with these definitions of the server.
    pub(super) async fn secret_uses(&self, stored: Arc<[StoredDefinition]>) -> Result<Vec<SecretUse>, Error> {
        self.read_as_written(Project::secret_uses, stored).await
    }

    /// Where the key of this installation comes from.
    pub(super) async fn key_source(&self, installation: u128) -> Result<KeySource, Error> {
        Ok(match self.read_as_written(Project::secret_key, Arc::default()).await?? {
            Some(SecretKeyConfig::File(path)) => KeySource::File(path),
            Some(SecretKeyConfig::Env(name)) => KeySource::Env(name),
            Some(SecretKeyConfig::Command(words)) => KeySource::Command(words),
            None => KeySource::Own(own_key(installation)?),
        })
    }

    /// The keys of a source, read off the async threads.
    pub(super) async fn keys(
        &self,
        source: &KeySource,
        freshness: Freshness,
    ) -> Result<Option<Keyring>, Error> {
        if freshness == Freshness::Recent
            && let Some(keys) = self.keys.get(source)
        {
            return Ok(Some(keys));
        }
        let of = source.clone();
        let read = off_thread(move || outflow_secrets::read(&of, &|name| std::env::var(name).ok())).await?;
        self.keys.put(source, read.as_ref());
        Ok(read)
    }

    /// Reads the secrets of the state; `None`: nothing has run yet.
    pub(super) async fn secrets_reader(&self) -> Result<Option<Arc<dyn StateReader>>, Error> {
        match self.slot.get() {
            Some(serves) => Ok(Some(serves.reader.state.clone())),
            None => self.definitions_reader().await,
        }
    }

    /// Every secret, and the keys, from the state as it is now.
    pub(super) async fn kept(&self, freshness: Freshness) -> Result<Kept, Error> {
        let (records, installation) = match self.secrets_reader().await? {
            Some(state) => (state.secrets().await?, state.installation_id().await?),
            None => (Vec::new(), 0),
        };
        let source = self.key_source(installation).await?;
        let keys = if records.is_empty() { None } else { self.keys(&source, freshness).await? };
        Ok(Kept { records, source, keys })
    }

    /// What references of the project become, with these definitions of the server. That the state
    /// cannot be read is said at each of them: other parts of the project may do without.
    pub(crate) async fn kept_secrets(&self, stored: &Arc<[StoredDefinition]>) -> KeptSecrets {
        // What is wrong with the files is reported when they are read.
        let uses = self.secret_uses(stored.clone()).await.unwrap_or_default();
        let names: BTreeSet<String> = uses.into_iter().map(|used| used.secret).collect();
        if names.is_empty() {
            return KeptSecrets::default();
        }
        let Kept { records, keys, .. } = match self.kept(Freshness::Recent).await {
            Ok(kept) => kept,
            Err(error) => {
                let all = names.into_iter().map(|name| (name, unavailable(&error)));
                return KeptSecrets::new(all.collect());
            }
        };
        let used = records.iter().filter(|record| names.contains(&record.name));
        let values = used.map(|record| {
            let addresses = record.addresses.iter().cloned().collect();
            let value = match open(keys.as_ref(), record) {
                Ok(value) => KeptSecret::Value { value, addresses },
                Err(error) => unavailable(&error),
            };
            (record.name.clone(), value)
        });
        KeptSecrets::new(values.collect::<BTreeMap<_, _>>())
    }
}

/// A secret that cannot be had for this reason.
fn unavailable(error: &Error) -> KeptSecret {
    KeptSecret::Unavailable {
        code: error.code(),
        message: error.message().to_owned(),
        help: error.help_text().unwrap_or("`outflow secrets check` says more").to_owned(),
    }
}

/// The file of the key that Outflow makes for an installation: in the configuration of the user,
/// so that a copy of the state, or of the project, does not have it.
fn own_key(installation: u128) -> Result<PathBuf, Error> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let folder = folder.ok_or_else(|| {
        let message = "there is no place for the key of the secrets: HOME is not set";
        Error::new(Code::SecretKeyUnavailable, message)
            .help("name where the key comes from: `secrets: { key: { file: PATH } }` in outflow.yaml")
    })?;
    Ok(folder.join("outflow").join(format!("{installation:032x}.key")))
}

/// Work on the file of a key.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let failed = |e| Error::new(Code::TaskFailed, "reading the key for secrets broke down").caused_by(e);
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

/// The value of a secret.
pub(super) fn open(keys: Option<&Keyring>, record: &SecretRecord) -> Result<Secret, Error> {
    let keys = keys.ok_or_else(|| no_key(&record.name))?;
    let SecretRecord { key_id, wrapped, sealed, .. } = record.clone();
    outflow_secrets::open(keys, subject(record), &Sealed { key_id, wrapped, sealed })
}

/// What a secret's ciphertexts belong to.
pub(super) fn subject(record: &SecretRecord) -> Subject<'_> {
    Subject { record: record.id, name: &record.name, addresses: &record.addresses }
}

/// There are secrets and there is no key.
fn no_key(name: &str) -> Error {
    let message = format!("the key that the secret {name} is encrypted under is gone");
    Error::new(Code::SecretKeyUnavailable, message)
        .help("put its file back (`outflow secrets check` says where it belongs), or set every secret again")
}

/// What refers to a secret, each once.
pub(super) fn used_by(uses: &[SecretUse], name: &str) -> Vec<String> {
    let used: BTreeSet<String> =
        uses.iter().filter(|used| used.secret == name).map(|used| used.used_by.clone()).collect();
    used.into_iter().collect()
}

/// Where a secret is sent now, each address once.
pub(super) fn addresses(uses: &[SecretUse], name: &str) -> Vec<String> {
    let all: BTreeSet<String> =
        uses.iter().filter(|used| used.secret == name).map(|used| used.address.clone()).collect();
    all.into_iter().collect()
}
