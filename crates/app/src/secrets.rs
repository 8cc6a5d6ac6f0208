//! Secrets that Outflow keeps: setting, listing, removing, checking them, and changing the key.
//!
//! What always holds: a value goes in and never comes out, but for the definition that sends it to
//! an address that it was set for (`docs/decisions/0037-secrets.md`). A
//! running `serve` makes each change itself and takes it into force at once. What it does not do:
//! encrypt, which `outflow_secrets` does.

mod cache;
mod keeping;
mod rotation;
mod values;

use outflow_core::ports::state::SecretRecord;
use outflow_core::{Actor, BoxFuture, Code, Error, Secret, Timestamp};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::SecretUse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use self::cache::KeyCache;
use self::values::{Freshness, Kept};
use crate::control::{self, Answer, Request, SecretText};
use crate::secret_documents::{IntendedUse, Rotation, SecretChange};
use crate::{App, Caller, holder};

/// A longer value is no secret.
pub const LONGEST_SECRET: usize = 64 << 10;
/// A longer name is refused.
const LONGEST_NAME: usize = 100;
/// What stands in addresses of the API in the place of a name.
const RESERVED: [&str; 2] = ["rotate", "check"];

/// What to keep under which name.
#[derive(Clone, Debug)]
pub struct SetSecretRequest {
    /// The name: letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// The value: some text, at most [`LONGEST_SECRET`] bytes.
    pub value: Secret,
    /// Definitions that are about to be made or changed: it may be sent to their addresses, too.
    pub uses: Vec<IntendedUse>,
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
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SecretList {
    format_version: u32,
    /// The secrets, by name.
    pub secrets: Vec<SecretDocument>,
}

/// A secret, without its value.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Serialize, Deserialize, ToSchema)]
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
    /// refers to it now, and of what the request says will; to no other.
    ///
    /// # Errors
    /// C005: a name or a value that cannot be one. C030: there is no key. The state, if it cannot
    /// be taken.
    pub fn set_secret<'a>(
        &'a self,
        request: &'a SetSecretRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<SecretChange, Errors>> {
        Box::pin(async move {
            let SetSecretRequest { name, value, uses, wait } = request;
            let problems = [check_name(name).err(), check_value(value).err()];
            let problems: Vec<Error> = problems.into_iter().flatten().collect();
            if !problems.is_empty() {
                return Err(problems.into());
            }
            let (asked, uses) = (name.clone(), uses.clone());
            let asked = Request::SetSecret { name: asked, value: SecretText::new(value), uses };
            match self.ask(&asked, caller).await? {
                Some(Answer::SecretChanged(change)) => return Ok(change),
                Some(_) => return Err(control::other_answer().into()),
                None => {}
            }
            let state = holder::open_state(self, *wait, caller).await?;
            Ok(self.keep_secret(&*state, name, value, &request.uses).await?)
        })
    }

    /// Removes a secret that nothing refers to.
    ///
    /// # Errors
    /// C033: there is none of that name. C035: something refers to it. The state, if it cannot be
    /// taken.
    pub fn remove_secret<'a>(
        &'a self,
        request: &'a RemoveSecretRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<SecretChange, Errors>> {
        Box::pin(async move {
            let RemoveSecretRequest { name, wait } = request;
            match self.ask(&Request::RemoveSecret { name: name.clone() }, caller).await? {
                Some(Answer::SecretChanged(change)) => return Ok(change),
                Some(_) => return Err(control::other_answer().into()),
                None => {}
            }
            let state = holder::open_state(self, *wait, caller).await?;
            Ok(self.drop_secret(&*state, name).await?)
        })
    }

    /// Encrypts every secret again under another key. What was interrupted is finished.
    ///
    /// # Errors
    /// C012: the operator has to provide the other key first. C030 to C032. The state, if it cannot
    /// be taken.
    pub fn rotate_secrets<'a>(
        &'a self,
        wait: bool,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Rotation, Errors>> {
        Box::pin(async move {
            match self.ask(&Request::RotateSecrets, caller).await? {
                Some(Answer::SecretsRotated(rotation)) => return Ok(rotation),
                Some(_) => return Err(control::other_answer().into()),
                None => {}
            }
            let state = holder::open_state(self, wait, caller).await?;
            Ok(self.rotate(&*state).await?)
        })
    }

    /// The secrets, without their values.
    ///
    /// # Errors
    /// What the state says.
    pub fn secrets<'a>(&'a self) -> BoxFuture<'a, Result<SecretList, Errors>> {
        Box::pin(async move {
            let uses = self.secret_uses(self.look_for_stored().await).await?;
            let records = match self.secrets_reader().await? {
                None => Vec::new(),
                Some(state) => state.secrets().await?,
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
        })
    }

    /// Decrypts each secret, and looks whether each reference has one that may be sent there.
    ///
    /// # Errors
    /// What the state says, and C030.
    pub fn check_secrets<'a>(&'a self) -> BoxFuture<'a, Result<SecretCheck, Errors>> {
        Box::pin(async move {
            let uses = self.secret_uses(self.look_for_stored().await).await?;
            let Kept { records, source, keys } = self.kept(Freshness::Now).await?;
            let opened: Vec<_> = records.iter().map(|record| values::open(keys.as_ref(), record)).collect();
            let readable = opened.iter().filter(|opened| opened.is_ok()).count() as u64;
            let mut problems: Vec<Error> = opened.into_iter().filter_map(Result::err).collect();
            problems.extend(uses.iter().filter_map(|used| without_secret(used, &records)));
            let first = keys.as_ref().map(|keys| keys.first().id().to_owned());
            let is_older =
                |record: &&SecretRecord| first.as_ref().is_some_and(|first| *first != record.key_id);
            let under_older_keys = records.iter().filter(is_older).count() as u64;
            let secrets = records.len() as u64;
            let (format_version, key) = (FORMAT_VERSION, source.shown());
            Ok(SecretCheck { format_version, key, secrets, readable, under_older_keys, problems })
        })
    }
}

/// C033 or C034: what refers to a secret that is not there, or was not set for its address.
fn without_secret(used: &SecretUse, records: &[SecretRecord]) -> Option<Error> {
    let SecretUse { secret, used_by, address, place } = used;
    let (code, message) = match records.iter().find(|record| record.name == *secret) {
        None => (Code::NoSuchSecret, format!("there is no secret {secret:?}")),
        Some(record) if record.addresses.contains(address) => return None,
        Some(_) => (Code::SecretNotForAddress, format!("the secret {secret} was not set for {address}")),
    };
    let help = format!("`outflow secrets set {secret}` sets it for what refers to it now");
    Some(Error::new(code, format!("{message}, which {used_by} uses")).at(place).help(help))
}

/// C005 unless it can be the name of a secret.
fn check_name(name: &str) -> Result<(), Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_taken = RESERVED.contains(&name) || [".", ".."].contains(&name);
    if !is_taken && !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_plain) {
        return Ok(());
    }
    let message = format!("{name:?} cannot be the name of a secret");
    let help = format!(
        "a name has letters, digits, `_`, `-` and `.`, {LONGEST_NAME} at most, and is none of {}",
        RESERVED.join(", ")
    );
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
        for name in ["", "a b", "rotate", "check", "..", "ä", "a}", "a:b", "../a", &"n".repeat(101)] {
            assert_eq!(check_name(name).unwrap_err().code(), Code::InvalidValue, "{name}");
        }
        check_value(&Secret::new("x".repeat(LONGEST_SECRET))).unwrap();
        for value in ["", "canary\0", &"canary".repeat(20_000)] {
            let error = check_value(&Secret::new(value)).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }
}
