//! `secrets.key`: where the master key of the secrets comes from.

use std::path::PathBuf;

use outflow_core::{Code, Error, files};

use super::document::Node;
use super::{FILE, Origin, Problems, Project, read_files, single};

/// Where the master key comes from, if the project says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretKeyConfig {
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// What a command prints.
    Command(Vec<String>),
}

impl Project {
    /// Where the key of the secrets comes from, if the project says.
    ///
    /// # Errors
    /// The first problem of what it says.
    pub fn secret_key(origin: &Origin) -> Result<Option<SecretKeyConfig>, Error> {
        if !files::exists(&origin.dir.join(FILE)) {
            return Ok(None);
        }
        let documents = read_files(origin, &mut Problems::default());
        let mut problems = Problems::default();
        let key = read(&documents.all, &mut problems);
        problems.into_errors().into_iter().next().map_or(Ok(key), Err)
    }
}

/// What the documents say. Exactly one source is named, or none.
pub(super) fn read(documents: &[Node], problems: &mut Problems) -> Option<SecretKeyConfig> {
    let key = single(documents, "secrets", problems)?.get("key")?;
    let named: Vec<_> = key.entries().collect();
    let [(name, value)] = named.as_slice() else {
        let help =
            "write one of `key: { file: PATH }`, `key: { env: NAME }`, `key: { command: [PROGRAM, …] }`";
        problems.add(&key.place, Code::InvalidValue, "the key comes from one place", help);
        return None;
    };
    match name.name.as_str() {
        "file" => value.path().map(SecretKeyConfig::File),
        "env" => value.text().map(|name| SecretKeyConfig::Env(name.to_owned())),
        "command" => {
            let words: Vec<String> =
                value.items().iter().filter_map(|word| word.text().map(str::to_owned)).collect();
            if words.is_empty() {
                let help = "write the program and its arguments: `command: [pass, show, outflow]`";
                problems.add(&value.place, Code::InvalidValue, "the command is empty", help);
                return None;
            }
            Some(SecretKeyConfig::Command(words))
        }
        _ => None,
    }
}
