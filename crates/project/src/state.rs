//! The state on PostgreSQL, as a file names it: `state: { url: … }`, or `state: URL` alone.
//!
//! What always holds: the URL is in a `Secret` and in no problem. What this does not do: read the
//! parts of the URL, which the store does.

use outflow_core::{Code, Secret};

use super::Problems;
use super::document::{Documents, Node, Value};
use super::names::single;
use super::secrets::has_password;

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
