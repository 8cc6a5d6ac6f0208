//! Secrets that Outflow keeps: setting, listing, removing, checking them, and changing the key.
//!
//! What always holds: a value goes in and never comes out, but for the definition that sends it to
//! an address that it was set for (`docs/decisions/0037-secrets.md`). A
//! running `serve` makes each change itself and takes it into force at once. What it does not do:
//! encrypt, which `outflow_secrets` does.

mod keeping;
mod rotation;
mod values;

use std::collections::BTreeSet;

use outflow_core::ports::state::SecretRecord;
use outflow_core::{Actor, Code, Error, Secret, Timestamp};
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::Serialize;

use self::values::Kept;
use crate::control::{self, Answer, Request, SecretText};
use crate::secret_documents::{Rotation, SecretChange};
use crate::{App, Caller, holder};

/// A longer value is no secret.
pub const LONGEST_SECRET: usize = 64 << 10;
/// A longer name is refused.
const LONGEST_NAME: usize = 100;

/// What to keep under which name.
#[derive(Clone, Debug)]
pub struct SetSecretRequest {
    /// The name: letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// The value: some text, at most [`LONGEST_SECRET`] bytes.
    pub value: Secret,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// What to remove.
#[derive(Clone, Debug)]
pub struct RemoveSecretRequest {
    /// The name.
    pub name: String,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// The secrets that are kept.
#[derive(Debug, Serialize)]
pub struct SecretList {
    format_version: u32,
    /// The secrets, by name.
    pub secrets: Vec<SecretDocument>,
}

/// A secret, without its value.
#[derive(Debug, Serialize)]
pub struct SecretDocument {
    format_version: u32,
    /// Its name.
    pub name: String,
    /// When it was set.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: Actor,
    /// The key under which it is encrypted.
    pub key_id: String,
    /// The addresses to which it may be sent.
    pub addresses: Vec<String>,
    /// What refers to it.
    pub used_by: Vec<String>,
}

/// Whether each secret can be used.
#[derive(Debug, Serialize)]
pub struct SecretCheck {
    format_version: u32,
    /// Where the key is, or belongs.
    pub key: String,
    /// How many are kept.
    pub secrets: u64,
    /// How many decrypt.
    pub readable: u64,
    /// How many are encrypted under an older key.
    pub under_older_keys: u64,
    /// Everything that is wrong.
    pub problems: Vec<Error>,
}

impl App {
    /// Keeps a secret, in place of the one of that name. It may be sent to the addresses of what
    /// refers to it now, and to no other.
    ///
    /// # Errors
    /// C005: a name or a value that cannot be one. C030: there is no key. The state, if it cannot
    /// be taken.
    pub async fn set_secret(
        &self,
        request: &SetSecretRequest,
        caller: &Caller,
    ) -> Result<SecretChange, Errors> {
        let SetSecretRequest { name, value, wait } = request;
        let problems = [check_name(name).err(), check_value(value).err()];
        let problems: Vec<Error> = problems.into_iter().flatten().collect();
        if !problems.is_empty() {
            return Err(problems.into());
        }
        let asked = Request::SetSecret { name: name.clone(), value: SecretText::new(value) };
        match self.ask(&asked, caller).await? {
            Some(Answer::SecretChanged(change)) => return Ok(change),
            Some(_) => return Err(control::other_answer().into()),
            None => {}
        }
        let state = holder::open_state(self, *wait, caller).await?;
        Ok(self.keep_secret(&*state, name, value).await?)
    }

    /// Removes a secret that nothing refers to.
    ///
    /// # Errors
    /// C033: there is none of that name. C035: something refers to it. The state, if it cannot be
    /// taken.
    pub async fn remove_secret(
        &self,
        request: &RemoveSecretRequest,
        caller: &Caller,
    ) -> Result<SecretChange, Errors> {
        let RemoveSecretRequest { name, wait } = request;
        match self.ask(&Request::RemoveSecret { name: name.clone() }, caller).await? {
            Some(Answer::SecretChanged(change)) => return Ok(change),
            Some(_) => return Err(control::other_answer().into()),
            None => {}
        }
        let state = holder::open_state(self, *wait, caller).await?;
        Ok(self.drop_secret(&*state, name).await?)
    }

    /// Encrypts every secret again under another key. What was interrupted is finished.
    ///
    /// # Errors
    /// C012: the operator has to provide the other key first. C030 to C032. The state, if it cannot
    /// be taken.
    pub async fn rotate_secrets(&self, wait: bool, caller: &Caller) -> Result<Rotation, Errors> {
        match self.ask(&Request::RotateSecrets, caller).await? {
            Some(Answer::SecretsRotated(rotation)) => return Ok(rotation),
            Some(_) => return Err(control::other_answer().into()),
            None => {}
        }
        let state = holder::open_state(self, wait, caller).await?;
        Ok(self.rotate(&*state).await?)
    }

    /// The secrets, without their values.
    ///
    /// # Errors
    /// What the state says.
    pub async fn secrets(&self) -> Result<SecretList, Errors> {
        let uses = self.secret_uses().await?;
        let records = match self.is_new().await? {
            true => Vec::new(),
            false => self.reader().await?.state.secrets().await?,
        };
        let document = |record: SecretRecord| SecretDocument {
            format_version: FORMAT_VERSION,
            used_by: values::used_by(&uses, &record.name),
            name: record.name,
            set_at: record.set_at,
            set_by: record.set_by,
            key_id: record.key_id,
            addresses: record.addresses,
        };
        let secrets = records.into_iter().map(document).collect();
        Ok(SecretList { format_version: FORMAT_VERSION, secrets })
    }

    /// Decrypts each secret, and looks whether each reference has one that may be sent there.
    ///
    /// # Errors
    /// What the state says, and C030.
    pub async fn check_secrets(&self) -> Result<SecretCheck, Errors> {
        let uses = self.secret_uses().await?;
        let Kept { records, source, keys } = self.kept().await?;
        let mut problems = Vec::new();
        let mut readable = 0_u64;
        for record in &records {
            match values::open(keys.as_ref(), record) {
                Ok(_) => readable = readable.saturating_add(1),
                Err(error) => problems.push(error),
            }
        }
        let names: BTreeSet<&str> = records.iter().map(|record| record.name.as_str()).collect();
        for used in &uses {
            let may = records.iter().any(|r| r.name == used.secret && r.addresses.contains(&used.address));
            if may {
                continue;
            }
            let (code, message) = match names.contains(used.secret.as_str()) {
                false => (Code::NoSuchSecret, format!("there is no secret {:?}", used.secret)),
                true => {
                    let message = format!("the secret {} was not set for {}", used.secret, used.address);
                    (Code::SecretNotForAddress, message)
                }
            };
            let help = format!("`outflow secrets set {}` sets it for what refers to it now", used.secret);
            problems.push(
                Error::new(code, format!("{message}, which {} uses", used.used_by))
                    .at(&used.place)
                    .help(help),
            );
        }
        let first = keys.as_ref().map(|keys| keys.first().id().to_owned());
        let is_older = |record: &&SecretRecord| first.as_ref().is_some_and(|first| *first != record.key_id);
        let under_older_keys = records.iter().filter(is_older).count() as u64;
        let secrets = records.len() as u64;
        let (format_version, key) = (FORMAT_VERSION, source.shown());
        Ok(SecretCheck { format_version, key, secrets, readable, under_older_keys, problems })
    }
}

/// C005 unless it can be the name of a secret.
fn check_name(name: &str) -> Result<(), Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_plain) {
        return Ok(());
    }
    let message = format!("{name:?} cannot be the name of a secret");
    let help = format!("a name has letters, digits, `_`, `-` and `.`, {LONGEST_NAME} at most");
    Err(Error::new(Code::InvalidValue, message).help(help))
}

/// C005 unless it can be the value of a secret.
fn check_value(value: &Secret) -> Result<(), Error> {
    let (message, help) = match value.expose() {
        "" => ("the secret is empty", "give it a value".to_owned()),
        text if text.len() > LONGEST_SECRET => {
            ("the secret is too long", format!("{LONGEST_SECRET} bytes at most"))
        }
        text if text.contains('\0') => ("the secret has a character U+0000", "leave it out".to_owned()),
        _ => return Ok(()),
    };
    Err(Error::new(Code::InvalidValue, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_looked_at_and_values_not_shown() {
        for name in ["a", "WAREHOUSE_password-1.x", &"n".repeat(100)] {
            check_name(name).unwrap();
        }
        for name in ["", "a b", "ä", "a}", "a:b", "../a", &"n".repeat(101)] {
            assert_eq!(check_name(name).unwrap_err().code(), Code::InvalidValue, "{name}");
        }
        check_value(&Secret::new("x".repeat(LONGEST_SECRET))).unwrap();
        for value in ["", "canary\0", &"canary".repeat(20_000)] {
            let error = check_value(&Secret::new(value)).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }
}
