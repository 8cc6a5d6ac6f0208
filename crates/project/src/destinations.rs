//! Destinations: their type, and their settings as the destinations themselves will check them.

use outflow_core::{Budget, Code};
use outflow_egress::{Client, ClientOptions};
use serde_json::{Map, Number, Value as Json};

use super::document::{Key, Node, Value};
use super::{DestinationConfig, Problems};

/// Every destination of the project.
pub(super) struct Destinations<'a> {
    /// The names, of broken ones too.
    pub(super) names: Vec<&'a str>,
    pub(super) configs: Vec<DestinationConfig>,
}

pub(super) fn read<'a>(entries: &[(&'a Key, &'a Node)], problems: &mut Problems) -> Destinations<'a> {
    let names = entries.iter().map(|(key, _)| key.name.as_str()).collect();
    let configs: Vec<_> = entries.iter().filter_map(|(key, node)| config(key, node, problems)).collect();
    // The destinations check their own settings here too, so that one look at a project tells
    // everything.
    if let Ok(client) = Client::new(&ClientOptions::default()) {
        let is_known = |config: &&DestinationConfig| config.is_resolved;
        for config in configs.iter().filter(is_known) {
            let built = outflow_destinations::build(&config.name, &config.kind, &config.settings, &client);
            for error in built.err().into_iter().flatten() {
                let Some((key, node)) = entries.iter().find(|(key, _)| key.name == config.name) else {
                    continue;
                };
                let setting = error.place().and_then(|p| p.split('.').nth(2)).map(str::to_owned);
                let here =
                    setting.and_then(|s| node.entries().find(|(k, _)| k.name == s)).map(|(k, _)| &k.place);
                let here = here.unwrap_or(&key.place);
                problems.add_error(here, error.at(here.to_string()));
            }
        }
    }
    Destinations { names, configs }
}

fn config(key: &Key, node: &Node, problems: &mut Problems) -> Option<DestinationConfig> {
    let named = node.get("type")?;
    let kind = named.text()?.to_owned();
    let kinds = outflow_destinations::kinds();
    if matches!(named.value, Value::Unresolved(_)) {
        return None;
    }
    if named.referenced && !kinds.contains(&kind.as_str()) {
        // The destinations' own error for it would show the word.
        let help = format!("the types are {}", kinds.join(", "));
        problems.add(
            &named.place,
            Code::UnknownReference,
            "what this reference stands for is no type of destination",
            help,
        );
        return None;
    }
    let secrets = outflow_destinations::secret_settings(&kind);
    let paths = outflow_destinations::path_settings(&kind);
    let texts = outflow_destinations::text_settings(&kind);
    let mut settings = Map::new();
    for (setting, value) in node.entries().filter(|(k, _)| !["type", "budget"].contains(&k.name.as_str())) {
        refuse_secrets(setting, value, &secrets, problems);
        let json = match value.path() {
            Some(path) if paths.contains(&setting.name) => path.display().to_string().into(),
            _ => json(value, texts.contains(&setting.name)),
        };
        settings.insert(setting.name.clone(), json);
    }
    let budget = |key: &str| node.get("budget")?.get(key)?.count();
    let budget = Budget { per_day: budget("per_day"), per_month: budget("per_month") };
    let (name, place) = (key.name.clone(), key.place.to_string());
    let is_resolved = !node.is_unresolved();
    Some(DestinationConfig { name, kind, settings, budget, place, is_resolved })
}

/// Refuses secrets that are not references: what the destination says is one, what a key's name
/// says, and passwords in addresses.
fn refuse_secrets(key: &Key, node: &Node, known: &[String], problems: &mut Problems) {
    node.items().iter().for_each(|item| refuse_secrets(key, item, known, problems));
    node.entries().for_each(|(key, value)| refuse_secrets(key, value, known, problems));
    let is_literal =
        matches!(node.value, Value::Text(_) | Value::Whole(_) | Value::Decimal(_)) && !node.referenced;
    let is_secret =
        known.contains(&key.name) || sounds_secret(&key.name) || node.text().is_some_and(has_password);
    if let Some(name) = node.text().filter(|_| is_literal && !is_secret).and_then(secret_parameter) {
        let message = format!(
            "the secret in {name:?} of the address in {:?} is written into the {}",
            key.name,
            node.place.holder()
        );
        let help = format!(
            "keep it in an environment variable, `…?{name}=${{env:NAME}}`; change the secret if others can read this file"
        );
        return problems.add(&node.place, Code::SecretInFile, message, help);
    }
    if is_literal && is_secret {
        let message = format!("the secret in {:?} is written into the {}", key.name, node.place.holder());
        let help = node.place.home_of_secrets();
        problems.add(&node.place, Code::SecretInFile, message, help);
    }
}

/// Whether a setting or header of this name holds a secret, whoever defined it.
pub(super) fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    ["authorization", "proxy_authorization", "cookie"].contains(&name.as_str())
        || ["password", "secret", "token", "api_key", "apikey", "write_key"].iter().any(|s| name.ends_with(s))
}

/// The parameter of an address's query that holds a secret.
pub(super) fn secret_parameter(text: &str) -> Option<&str> {
    const NAMES: [&str; 7] =
        ["key", "sig", "signature", "auth", "access_key", "apitoken", "subscription_key"];
    let (_, rest) = text.split_once("://")?;
    let (query, _) = rest.split_once('?')?.1.split_once('#').unwrap_or((rest.split_once('?')?.1, ""));
    let parameters = query.split(['&', ';']).filter_map(|parameter| parameter.split_once('='));
    let is_secret = |name: &str, value: &str| {
        let plain = name.to_ascii_lowercase().replace('-', "_");
        sounds_secret(name) || (NAMES.contains(&plain.as_str()) && looks_random(value))
    };
    let mut given = parameters.filter(|(_, value)| !value.is_empty());
    given.find(|(name, value)| is_secret(name, value)).map(|(name, _)| name)
}

/// Whether this is no word that a person chose: names such as `key` have both.
fn looks_random(value: &str) -> bool {
    let has = |is: fn(&char) -> bool| value.chars().any(|c| is(&c));
    value.len() >= 8 && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
}

/// `https://user:password@host`.
fn has_password(text: &str) -> bool {
    let authority =
        text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.and_then(|a| a.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

/// A value as JSON. `as_written`: where texts are wanted, a number is the text that stands there.
fn json(node: &Node, as_written: bool) -> Json {
    let is_plain = as_written && !node.referenced;
    match &node.value {
        Value::Flag(_) | Value::Whole(_) | Value::Decimal(_) if is_plain => node.written.text.clone().into(),
        Value::Null => Json::Null,
        Value::Flag(flag) => (*flag).into(),
        Value::Whole(number) => (*number).into(),
        Value::Decimal(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Text(text) | Value::Unresolved(text) => text.clone().into(),
        Value::List(items) => items.iter().map(|item| json(item, as_written)).collect(),
        Value::Table(entries) => {
            let members = entries.iter().map(|(key, value)| (key.name.clone(), json(value, as_written)));
            Json::Object(members.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_has_a_word_is_no_secret() {
        let secret = |query: &str| secret_parameter(&format!("https://h.example/h?{query}")).is_some();
        for words in ["key=list", "page=2&key=utm", "sig=1", "auth=none", "token=", "v=1"] {
            assert!(!secret(words), "{words}");
        }
        for secrets in ["sig=abcdef12345&v=1", "a=1;key=A1b2C3d4", "api_key=x", "token=list"] {
            assert!(secret(secrets), "{secrets}");
        }
    }
}
