//! `${env:NAME}` and `${file:PATH}`: what stands in a file in place of a secret.
//!
//! References work in every text below `sources`, `destinations`, `alerts` and `state`, alone or
//! within a longer text. A problem names the reference and never its value.

use outflow_core::{Code, Error, files};

use super::document::{MAX_BYTES, Node, Place, Value};

/// Environment variables by name.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

const FORMS: &str = "write ${env:NAME} or ${file:/run/secrets/name}";

/// The top-level keys below which references work.
pub(super) const KEYS: [&str; 4] = ["sources", "destinations", "alerts", "state"];

/// What a reference is missing for: a part of the project that cannot be used without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A database of a source.
    Database {
        /// The source.
        source: String,
        /// Its name within the source.
        name: String,
    },
    /// A destination.
    Destination(String),
    /// All else: a source as a whole, the receivers of alerts, the state.
    Rest,
}

/// A reference to something that is not there.
#[derive(Debug)]
pub struct Unresolved {
    /// What it belongs to.
    pub part: Part,
    /// C008.
    pub error: Error,
    pub(super) place: Place,
}

/// What a file refers to, and what of it is not there.
pub(super) struct Resolver<'a> {
    pub(super) env: Env<'a>,
    pub(super) missing: Vec<Unresolved>,
}

impl Resolver<'_> {
    /// Puts values in place of all references below these top-level keys.
    pub(super) fn resolve(&mut self, document: &mut Node, keys: &[&str]) {
        let Value::Table(entries) = &mut document.value else { return };
        for (key, node) in entries.iter_mut().filter(|(k, _)| keys.contains(&k.name.as_str())) {
            match (key.name.as_str(), &mut node.value) {
                ("sources", Value::Table(sources)) => {
                    sources.iter_mut().for_each(|(name, source)| self.source(&name.name, source));
                }
                ("destinations", Value::Table(destinations)) => {
                    let part = |name: &str| Part::Destination(name.to_owned());
                    destinations.iter_mut().for_each(|(name, node)| self.below(node, &part(&name.name)));
                }
                _ => self.below(node, &Part::Rest),
            }
        }
    }

    fn source(&mut self, source: &str, node: &mut Node) {
        let Value::Table(entries) = &mut node.value else { return self.below(node, &Part::Rest) };
        for (key, node) in entries {
            match (key.name.as_str(), &mut node.value) {
                ("databases", Value::Table(databases)) => {
                    for (name, node) in databases {
                        let (source, name) = (source.to_owned(), name.name.clone());
                        self.below(node, &Part::Database { source, name });
                    }
                }
                _ => self.below(node, &Part::Rest),
            }
        }
    }

    fn below(&mut self, node: &mut Node, part: &Part) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.below(item, part)),
            Value::Table(entries) => entries.iter_mut().for_each(|(_, value)| self.below(value, part)),
            Value::Text(text) if text.contains("${") => {
                node.value = match substitute(text, &node.place, self.env) {
                    Ok(text) => Value::Text(text),
                    Err((code, message, help)) => {
                        let place = node.place.clone();
                        let error = Error::new(code, message).at(place.to_string()).help(help);
                        self.missing.push(Unresolved { part: part.clone(), error, place });
                        Value::Unresolved(std::mem::take(text))
                    }
                };
                node.referenced = true;
            }
            _ => {}
        }
    }
}

type Failure = (Code, String, &'static str);

fn substitute(text: &str, place: &Place, env: Env<'_>) -> Result<String, Failure> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        let Some((reference, behind)) = reference.split_once('}') else {
            return Err((Code::SecretUnresolved, "a reference is not closed".to_owned(), FORMS));
        };
        out.push_str(before);
        out.push_str(&value(reference, place, env)?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(reference: &str, place: &Place, env: Env<'_>) -> Result<String, Failure> {
    let unresolved =
        |what: &str, help| Err((Code::SecretUnresolved, format!("${{{reference}}} {what}"), help));
    match reference.split_once(':') {
        Some(("env", name)) => match env(name) {
            Some(value) if !value.is_empty() => Ok(value),
            Some(_) => unresolved("is empty", "give the environment variable a value"),
            None => unresolved("is not set", "set the environment variable where Outflow runs"),
        },
        Some(("file", path)) => match files::read_text(&place.path(path), MAX_BYTES) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
            Ok(_) => unresolved("is empty", "put the secret into the file"),
            Err(failure) => {
                unresolved(&failure.to_string(), "a relative path begins at the file that it stands in")
            }
        },
        Some(("secret", _)) => Err((
            Code::UnsupportedKey,
            format!("${{{reference}}}: this version keeps no secrets of its own"),
            FORMS,
        )),
        _ => unresolved("is no reference that Outflow knows", FORMS),
    }
}
