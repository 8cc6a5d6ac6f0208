//! `${secret:NAME}`: what a project uses of the secrets that Outflow keeps, where each would go,
//! and the values as the application gives them.
//!
//! What always holds: a secret is given only to a definition (a database, a destination, a receiver
//! of alerts, the provider that people sign in with) whose address is one of those that the secret
//! was set for. An address is all that decides where the definition sends something, as it is
//! written: every setting but those of [`NEUTRAL`], so that a setting that is new counts until
//! somebody says otherwise; and the setting that has the secret, as a server quotes some of them (a
//! user's name) and others not (a password). No value is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use outflow_core::{Code, Secret};

use super::document::{Documents, Node, Value};
use super::{Origin, Problems, Project, keys, read_files, shape};

/// Settings that do not change where a definition sends something, nor how well that is protected.
pub(super) const NEUTRAL: &[&str] = &[
    // Databases.
    "allow_functions",
    "connect_timeout",
    "database",
    "iam",
    "max_queries",
    "password",
    "user",
    // Destinations.
    "body",
    "budget",
    "concurrency",
    "gzip",
    "headers",
    "max_bytes",
    "max_calls",
    "max_file_bytes",
    "rate",
    "timeout",
    "write_key",
    // Receivers of alerts.
    "from",
    "secret",
    "to",
    // The provider that people sign in with.
    "client_secret",
    "default_role",
    "groups_claim",
    "name_claim",
    "roles",
    "scopes",
];

/// A use of a secret in a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretUse {
    /// The secret's name.
    pub secret: String,
    /// What uses it: `destination journeys`.
    pub used_by: String,
    /// The address of what uses it.
    pub address: String,
    /// Where the reference stands: `outflow.yaml:12:7`.
    pub place: String,
}

/// What can be said of a secret to a project that refers to it.
#[derive(Clone, Debug)]
pub enum KeptSecret {
    /// Its value, and the addresses to which it may be sent.
    Value {
        /// The value.
        value: Secret,
        /// The addresses.
        addresses: BTreeSet<String>,
    },
    /// It is there and cannot be had.
    Unavailable {
        /// Why.
        code: Code,
        /// Why, in words.
        message: String,
        /// What to do.
        help: String,
    },
}

/// Secrets by their names, as the application gives them to a project that it reads.
#[derive(Clone, Debug, Default)]
pub struct KeptSecrets(Arc<BTreeMap<String, KeptSecret>>);

impl KeptSecrets {
    /// These secrets.
    pub fn new(secrets: BTreeMap<String, KeptSecret>) -> Self {
        Self(Arc::new(secrets))
    }

    /// The value of a secret for a definition with this address.
    pub(super) fn get(&self, name: &str, address: Option<&str>) -> Result<&str, (Code, String, String)> {
        let reference = format!("${{secret:{name}}}");
        let Some(address) = address else {
            let message = format!("{reference} cannot stand here: the state itself keeps the secrets");
            return Err((Code::SecretUnresolved, message, "write ${env:NAME} or ${file:/path}".to_owned()));
        };
        match self.0.get(name) {
            None => {
                let help = format!("set it where Outflow runs: `outflow secrets set {name}`");
                Err((Code::SecretUnresolved, format!("{reference} is not set"), help))
            }
            Some(KeptSecret::Unavailable { code, message, help }) => {
                Err((*code, format!("{reference}: {message}"), help.clone()))
            }
            Some(KeptSecret::Value { value, addresses }) if addresses.contains(address) => Ok(value.expose()),
            Some(KeptSecret::Value { addresses, .. }) => {
                let message = format!("{reference} was not set for the address that would get it: {address}");
                let set_for = match addresses.is_empty() {
                    true => "nothing referred to it when it was set".to_owned(),
                    false => {
                        let all: Vec<&str> = addresses.iter().map(String::as_str).collect();
                        format!("it was set for {}", all.join("; "))
                    }
                };
                let help = format!(
                    "{set_for}; if the new address is right, set the secret again: `outflow secrets set {name}`"
                );
                Err((Code::SecretNotForAddress, message, help))
            }
        }
    }
}

impl Project {
    /// Which parts of the project use which secret that Outflow keeps. What cannot be read uses
    /// none.
    pub fn secret_uses(origin: &Origin) -> Vec<SecretUse> {
        let mut documents = read_files(origin, &mut Problems::default());
        // As it is when references are resolved: the address of a definition is the same there.
        documents.all.iter_mut().for_each(|document| shape::table_as_written(document, &keys::ROOT));
        uses(&documents)
    }
}

/// The address of a database, a destination or a receiver of this type.
pub(super) fn address(kind: &str, node: &Node) -> String {
    let settings = node.entries().filter(|(key, value)| {
        !NEUTRAL.contains(&key.name.as_str()) && key.name != "type" && !matches!(value.value, Value::Null)
    });
    let mut settings: Vec<String> =
        settings.map(|(key, value)| format!("{}={}", key.name, shown(value))).collect();
    settings.sort();
    std::iter::once(kind.to_owned()).chain(settings).collect::<Vec<_>>().join(" ")
}

/// An address with the setting in which the secret stands.
pub(super) fn with_setting(address: &str, setting: &str) -> String {
    format!("{address} ({setting})")
}

/// The path of a setting within a definition: `headers.Authorization`.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { quoted(key) } else { format!("{path}.{}", quoted(key)) }
}

/// A value as it is written: no two values have one form.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Text(text) | Value::Unresolved(text) => quoted(text),
        Value::Flag(flag) => flag.to_string(),
        Value::Whole(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(",")),
        Value::Table(entries) => {
            let mut members: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}:{}", quoted(&key.name), shown(value)))
                .collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// A text, in quotes if it has what could be taken for something else.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~:/?@!$&'()*+;%#={}".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { format!("{text:?}") }
}

/// Every use of a secret in these documents, whose references are as they are written.
fn uses(documents: &Documents) -> Vec<SecretUse> {
    let mut found = Vec::new();
    let below = |key: &'static str| documents.all.iter().filter_map(move |d| d.get(key));
    for (source, node) in below("sources").flat_map(Node::entries) {
        let kind = kind_of(node);
        for (name, database) in node.get("databases").into_iter().flat_map(Node::entries) {
            let who = format!("database {}.{}", source.name, name.name);
            collect(database, &who, &address(kind, database), "", &mut found);
        }
    }
    for (name, node) in below("destinations").flat_map(Node::entries) {
        let who = format!("destination {}", name.name);
        collect(node, &who, &address(kind_of(node), node), "", &mut found);
    }
    let receivers = below("alerts").filter_map(|alerts| alerts.get("to")).flat_map(Node::items);
    for (kind, node) in receivers.flat_map(Node::entries).map(|(kind, node)| (&kind.name, node)) {
        let who = format!("receiver of alerts by {kind}");
        collect(node, &who, &address(kind, node), "", &mut found);
    }
    for node in below("server").filter_map(|server| server.get("oidc")) {
        collect(node, "sign-in provider", &address("oidc", node), "", &mut found);
    }
    found.sort();
    found
}

/// What the definition says that it is.
pub(super) fn kind_of(node: &Node) -> &str {
    node.get("type").and_then(Node::text).unwrap_or_default()
}

fn collect(node: &Node, used_by: &str, address: &str, path: &str, found: &mut Vec<SecretUse>) {
    node.items().iter().for_each(|item| collect(item, used_by, address, path, found));
    for (key, value) in node.entries() {
        collect(value, used_by, address, &below(path, &key.name), found);
    }
    let (Value::Text(text) | Value::Unresolved(text)) = &node.value else { return };
    let (mut rest, place) = (text.as_str(), node.place.to_string());
    while let Some((reference, behind)) = rest.split_once("${").and_then(|(_, rest)| rest.split_once('}')) {
        rest = behind;
        if let Some(secret) = reference.strip_prefix("secret:") {
            let (secret, used_by) = (secret.to_owned(), used_by.to_owned());
            let address = with_setting(address, path);
            found.push(SecretUse { secret, used_by, address, place: place.clone() });
        }
    }
}
