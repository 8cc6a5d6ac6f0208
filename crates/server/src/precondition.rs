//! `If-Match` and `If-None-Match` of a request that changes something.
//!
//! What always holds: the `ETag` of a definition is its version, so a condition is about the
//! version alone. What this does not do: keep two changes from happening at once; the state does.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use outflow_core::Code;

use crate::problem::Refusal;

/// What a request says of the version that it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Precondition {
    /// `If-Match`: one of these, or any; `None`: nothing is said.
    matching: Option<Matching>,
    /// `If-None-Match: *`: there is none yet.
    is_new: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Matching {
    Any,
    Versions(Vec<u64>),
}

impl<S: Sync> FromRequestParts<S> for Precondition {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Self::read(&head.headers)
    }
}

impl Precondition {
    fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let is_new = match text(headers, header::IF_NONE_MATCH)? {
            None => false,
            Some("*") => true,
            Some(_) => {
                let refusal = Refusal::new(Code::MalformedRequest, "a change takes `If-None-Match: *` alone");
                return Err(refusal.at("If-None-Match"));
            }
        };
        let matching = text(headers, header::IF_MATCH)?.map(|text| match text {
            "*" => Matching::Any,
            // What is no tag of a version is the tag of none.
            tags => Matching::Versions(tags.split(',').filter_map(|tag| version(tag.trim())).collect()),
        });
        Ok(Self { matching, is_new })
    }

    /// Whether something is said.
    pub(crate) fn is_any(&self) -> bool {
        self.matching.is_some() || self.is_new
    }

    /// Whether this version, 0 for none, is as it is to be.
    fn holds(&self, version: u64) -> bool {
        let is_meant = match &self.matching {
            None => true,
            Some(Matching::Any) => version > 0,
            Some(Matching::Versions(versions)) => versions.contains(&version),
        };
        is_meant && (version == 0 || !self.is_new)
    }

    /// The version that the change is to replace: the one that there is.
    ///
    /// # Errors
    /// A027: it is not as the request says.
    pub(crate) fn check(&self, version: u64) -> Result<u64, Refusal> {
        if self.holds(version) { Ok(version) } else { Err(failed(version)) }
    }
}

/// A027, by the version that there is.
fn failed(version: u64) -> Refusal {
    let message = match version {
        0 => "there is no such definition now".to_owned(),
        version => format!("the definition has version {version} now"),
    };
    Refusal::new(Code::PreconditionFailed, message)
        .at("If-Match")
        .help("read it again, and repeat the change on what there is")
}

/// The tag of a version.
pub(crate) fn tag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn version(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok().filter(|version| *version > 0)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Result<Option<&str>, Refusal> {
    let Some(value) = headers.get(&name) else { return Ok(None) };
    let no_text = || Refusal::new(Code::MalformedRequest, "the header is no text of ASCII").at(name.as_str());
    value.to_str().map(|text| Some(text.trim())).map_err(|_| no_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: header::HeaderName, value: &'static str) -> Result<Precondition, Refusal> {
        Precondition::read(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]))
    }

    #[test]
    fn a_condition_is_about_versions() {
        let holds = |name, value, version| read(name, value).unwrap().check(version).is_ok();
        for (value, version, expected) in [
            ("\"3\"", 3, true),
            ("\"3\"", 4, false),
            ("\"2\", \"3\"", 3, true),
            ("W/\"3\"", 3, false),
            ("3", 3, false),
            ("\"0\"", 0, false),
            ("*", 3, true),
            ("*", 0, false),
            ("", 3, false),
        ] {
            assert_eq!(holds(header::IF_MATCH, value, version), expected, "{value} of {version}");
        }
        assert!(holds(header::IF_NONE_MATCH, "*", 0) && !holds(header::IF_NONE_MATCH, "*", 1));
        assert!(read(header::IF_NONE_MATCH, "\"1\"").is_err());
        assert!(!Precondition::read(&HeaderMap::new()).unwrap().is_any());
        assert_eq!(tag(7), "\"7\"");
    }
}
