//! `${env:NAME}` and `${file:PATH}`: what stands in a file in place of a secret.
//!
//! References work in every text below `sources`, `destinations`, `alerts` and `state`, alone or
//! within a longer text. A problem names the reference and never its value.

use outflow_core::{Code, files};

use super::Problems;
use super::document::{MAX_BYTES, Node, Place, Value};

/// Environment variables by name.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

const FORMS: &str = "write ${env:NAME} or ${file:/run/secrets/name}";

/// The top-level keys below which references work.
pub(super) const KEYS: [&str; 4] = ["sources", "destinations", "alerts", "state"];

/// Puts values in place of all references below these top-level keys.
pub(super) fn resolve(document: &mut Node, keys: &[&str], env: Env<'_>, problems: &mut Problems) {
    let Value::Table(entries) = &mut document.value else { return };
    for (_, node) in entries.iter_mut().filter(|(k, _)| keys.contains(&k.name.as_str())) {
        resolve_below(node, env, problems);
    }
}

fn resolve_below(node: &mut Node, env: Env<'_>, problems: &mut Problems) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| resolve_below(item, env, problems)),
        Value::Table(entries) => {
            entries.iter_mut().for_each(|(_, value)| resolve_below(value, env, problems))
        }
        Value::Text(text) if text.contains("${") => {
            node.value = match substitute(text, &node.place, env) {
                Ok(text) => Value::Text(text),
                Err((code, message, help)) => {
                    problems.add(&node.place, code, message, help);
                    Value::Broken
                }
            };
            node.referenced = true;
        }
        _ => {}
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
