//! What became of secrets that were changed, as documents say it and as it travels over the control
//! socket. What it does not hold: a value.

use outflow_core::ports::state::DefinitionId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A definition that is about to be made or changed and will use the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntendedUse {
    /// Which.
    pub id: DefinitionId,
    /// What it is going to say.
    pub value: Value,
}

/// What became of a secret that was set or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretChange {
    /// The form of the document.
    pub format_version: u32,
    /// Its name.
    pub name: String,
    /// There was one of that name before.
    pub existed: bool,
    /// The addresses to which it may be sent: those of what refers to it.
    pub addresses: Vec<String>,
    /// What refers to it: `destination journeys`.
    pub used_by: Vec<String>,
    /// The file of a key that was made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_key: Option<String>,
    /// Why the running `serve` goes on with what it had, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_in_force: Option<String>,
}

/// What a change of the key did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rotation {
    /// The form of the document.
    pub format_version: u32,
    /// The key that every secret is encrypted under now.
    pub key_id: String,
    /// Where it is.
    pub key: String,
    /// How many secrets were encrypted again.
    pub resealed: u64,
    /// The older keys are still where the operator put them, and not needed any more.
    pub older_keys_left: bool,
}
