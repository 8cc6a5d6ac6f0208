//! Secrets that Outflow keeps. A value goes in and never comes out.

use outflow_app::{
    Caller, DefinitionId, DefinitionKind, IntendedUse, RemoveSecretRequest, Rotation, SecretChange,
    SecretCheck, SecretList, SetSecretRequest,
};
use outflow_core::Secret;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::access::{May, to};
use crate::extract::Path;
use crate::hidden_body::Hidden;
use crate::reply::{Answer, Document};

/// A secret to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretToKeep {
    /// Its value.
    #[schema(format = Password, min_length = 1, max_length = 65536)]
    value: String,
    /// Definitions that are about to be made or changed, and use it: it may be sent to their
    /// addresses, too.
    #[serde(default)]
    uses: Vec<UseToCome>,
}

/// A definition that is about to be made or changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UseToCome {
    /// What it is.
    kind: DefinitionKind,
    /// Its name.
    name: String,
    /// What it is going to say, with the reference to the secret.
    #[schema(value_type = BTreeMap<String, Value>)]
    value: Value,
}

/// The secrets without their values: where each is used, who set it and when, under which key it
/// is encrypted, and where it may be sent.
#[utoipa::path(get, path = "/api/v1/secrets", tag = "secrets", operation_id = "list_secrets",
    responses((status = 200, body = SecretList)))]
pub(crate) async fn list(may: May<to::ListSecrets>) -> Answer<Document<SecretList>> {
    Ok(Document(may.app.secrets().await?))
}

/// Keeps a secret, in place of the one of that name, and brings it into force. It may be sent to
/// the addresses of what refers to it now, and of what is said in `uses`.
#[utoipa::path(put, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "set_secret",
    request_body = SecretToKeep, params(("name" = String, Path, description = "its name")),
    responses((status = 200, body = SecretChange)))]
pub(crate) async fn set(
    may: May<to::WriteSecrets>,
    Path(name): Path<String>,
    Hidden(SecretToKeep { value, uses }): Hidden<SecretToKeep>,
) -> Answer<Document<SecretChange>> {
    let meant = |UseToCome { kind, name, value }| IntendedUse { id: DefinitionId { kind, name }, value };
    let uses = uses.into_iter().map(meant).collect();
    let request = SetSecretRequest { name, value: Secret::new(value), uses, wait: true };
    Ok(Document(may.app.set_secret(&request, &Caller::silent()).await?))
}

/// Removes a secret that nothing refers to.
#[utoipa::path(delete, path = "/api/v1/secrets/{name}", tag = "secrets", operation_id = "remove_secret",
    params(("name" = String, Path, description = "its name")),
    responses((status = 200, body = SecretChange)))]
pub(crate) async fn remove(
    may: May<to::WriteSecrets>,
    Path(name): Path<String>,
) -> Answer<Document<SecretChange>> {
    let request = RemoveSecretRequest { name, wait: true };
    Ok(Document(may.app.remove_secret(&request, &Caller::silent()).await?))
}

/// Encrypts all secrets again under another key.
#[utoipa::path(post, path = "/api/v1/secrets/rotate", tag = "secrets", operation_id = "rotate_secrets",
    responses((status = 200, body = Rotation)))]
pub(crate) async fn rotate(may: May<to::WriteSecrets>) -> Answer<Document<Rotation>> {
    Ok(Document(may.app.rotate_secrets(true, &Caller::silent()).await?))
}

/// Decrypts each secret, and says which reference has none that may be sent there.
#[utoipa::path(post, path = "/api/v1/secrets/check", tag = "secrets", operation_id = "check_secrets",
    responses((status = 200, body = SecretCheck)))]
pub(crate) async fn check(may: May<to::WriteSecrets>) -> Answer<Document<SecretCheck>> {
    Ok(Document(may.app.check_secrets().await?))
}
