//! Reading secrets: which ones a project uses, the key, and the values that references become.
//!
//! What always holds: the key is asked for only if a project uses a secret that is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use outflow_core::ports::state::SecretRecord;
use outflow_core::{Code, Error, Secret};
use outflow_project::{KeptSecret, KeptSecrets, Project, SecretKeyConfig, SecretUse};
use outflow_secrets::{KeySource, Keyring, Sealed, Subject};

use crate::App;

/// Every secret, and the keys.
pub(super) struct Kept {
    pub(super) records: Vec<SecretRecord>,
    pub(super) source: KeySource,
    /// `None`: there is no key of our own yet.
    pub(super) keys: Option<Keyring>,
}

impl App {
    /// Which parts of the project use which secret.
    pub(super) async fn secret_uses(&self) -> Result<Vec<SecretUse>, Error> {
        self.read_files(Project::secret_uses).await
    }

    /// Where the key of this installation comes from.
    pub(super) async fn key_source(&self, installation: u128) -> Result<KeySource, Error> {
        Ok(match self.read_files(Project::secret_key).await?? {
            Some(SecretKeyConfig::File(path)) => KeySource::File(path),
            Some(SecretKeyConfig::Env(name)) => KeySource::Env(name),
            Some(SecretKeyConfig::Command(words)) => KeySource::Command(words),
            None => KeySource::Own(own_key(installation)?),
        })
    }

    /// Every secret, and the keys, from the state as it is now.
    pub(super) async fn kept(&self) -> Result<Kept, Error> {
        let state = match self.is_new().await? {
            true => None,
            false => Some(self.reader().await?.state),
        };
        let (records, installation) = match &state {
            Some(state) => (state.secrets().await?, state.installation_id().await?),
            None => (Vec::new(), 0),
        };
        let source = self.key_source(installation).await?;
        let keys = if records.is_empty() { None } else { read_keys(&source).await? };
        Ok(Kept { records, source, keys })
    }

    /// What references of the project become. That the state cannot be read is said at each of
    /// them: other parts of the project may do without.
    pub(crate) async fn kept_secrets(&self) -> KeptSecrets {
        // What is wrong with the files is reported when they are read.
        let uses = self.secret_uses().await.unwrap_or_default();
        let names: BTreeSet<String> = uses.into_iter().map(|used| used.secret).collect();
        if names.is_empty() {
            return KeptSecrets::default();
        }
        let unavailable = |error: &Error| KeptSecret::Unavailable {
            code: error.code(),
            message: error.message().to_owned(),
            help: error.help_text().unwrap_or("`outflow secrets check` says more").to_owned(),
        };
        let Kept { records, keys, .. } = match self.kept().await {
            Ok(kept) => kept,
            Err(error) => {
                let all = names.into_iter().map(|name| (name, unavailable(&error)));
                return KeptSecrets::new(all.collect());
            }
        };
        let used = records.iter().filter(|record| names.contains(&record.name));
        let values = used.map(|record| {
            let value = match open(keys.as_ref(), record) {
                Ok(value) => {
                    KeptSecret::Value { value, addresses: record.addresses.iter().cloned().collect() }
                }
                Err(error) => unavailable(&error),
            };
            (record.name.clone(), value)
        });
        KeptSecrets::new(values.collect::<BTreeMap<_, _>>())
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

/// The keys of a source, read off the async threads.
pub(super) async fn read_keys(source: &KeySource) -> Result<Option<Keyring>, Error> {
    let of = source.clone();
    off_thread(move || outflow_secrets::read(&of, &|name| std::env::var(name).ok())).await
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
