//! The state on PostgreSQL, as a file names it: `state: { url: … }`, or `state: URL` alone.
//!
//! What always holds: the URL is in a `Secret` and in no problem. What this does not do: read the
//! parts of the URL, which the store does.

use outflow_core::{Code, Secret};

use super::document::{Documents, Node, Value};
use super::{Problems, single};

/// The URL of the state, and where it stands.
#[derive(Debug)]
pub struct StateUrl {
    /// A URL `postgres://…`, not checked yet.
    pub url: Secret,
    /// Where it stands: `outflow.yaml:3:10`.
    pub place: String,
}

/// The value that is the URL.
fn url(state: &Node) -> Option<&Node> {
    if matches!(state.value, Value::Table(_)) { state.get("url") } else { Some(state) }
}

/// Reports passwords that are written into a file. References must be as they are written.
pub(super) fn refuse_passwords(documents: &Documents, problems: &mut Problems) {
    for node in documents.all.iter().filter_map(|d| d.get("state")).filter_map(url) {
        if node.text().is_some_and(has_password) {
            let message = "the password of the state is written into the file";
            let help = "keep the URL in an environment variable, \"${env:OUTFLOW_STATE_URL}\", or only the \
                        password, postgres://USER:${env:NAME}@HOST/DATABASE; change the password if others \
                        can read this file";
            problems.add(&node.place, Code::SecretInFile, message, help);
        }
    }
}

/// Whether a URL has a password that is not a reference alone.
fn has_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let rest = without_references(rest);
    let authority = rest.split_once('?').map_or(rest.as_str(), |(before, _)| before);
    let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
    login.split_once(':').is_some_and(|(_, password)| !password.is_empty())
}

fn without_references(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, reference)) = rest.split_once("${") {
        out.push_str(before);
        rest = reference.split_once('}').map_or("", |(_, behind)| behind);
    }
    out + rest
}

/// The URL, if a file has one.
pub(super) fn read(documents: &[Node], problems: &mut Problems) -> Option<StateUrl> {
    let node = url(single(documents, "state", problems)?)?;
    let text = node.text()?;
    // A project that is read without its secrets keeps references as they are written.
    if node.referenced && text.starts_with("${") {
        return None;
    }
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        let help = "write postgres://USER@HOST:PORT/DATABASE; a folder is named by --state or OUTFLOW_STATE";
        problems.add(&node.place, Code::InvalidValue, "the URL of the state is no postgres:// URL", help);
        return None;
    }
    Some(StateUrl { url: Secret::new(text), place: node.place.to_string() })
}

#[cfg(test)]
mod tests {
    use super::has_password;

    #[test]
    fn a_password_is_a_reference_or_is_refused() {
        for url in [
            "${env:URL}",
            "postgres://me@db/x",
            "postgres://${env:USER}@db:5432/x?host=a:b@c",
            "postgres://${env:USER}:${env:PASSWORD}@${file:/host}/x",
        ] {
            assert!(!has_password(url), "{url}");
        }
        for url in ["postgres://me:a@db/x", "postgres://me:a/b:c@db/x", "postgres://me:a${env:P}@db"] {
            assert!(has_password(url), "{url}");
        }
    }
}
