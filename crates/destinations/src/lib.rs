//! Where calls go: the adapters behind [`outflow_core::ports::destination::Destination`].
//!
//! A kind of destination has a manifest in `destinations/` that describes its settings and, for an
//! API that accepts canonical calls, everything else. What always holds: calls are copied from the
//! segment and never parsed as a whole; all problems of the settings are reported at once; no
//! reason and no error contains a secret. What it does not do: retry a request or decide when to.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod answer;
mod body;
mod call;
mod file;
mod hint;
mod http_date;
mod manifest;
mod post;
mod probe;
mod scan;
mod settings;

use std::sync::Arc;

use outflow_core::ports::destination::Destination;
use outflow_core::{Code, Error};
use outflow_egress::Client;
use serde_json::{Map, Value};

/// The kinds of destination: the values of `type` in a project.
pub fn kinds() -> &'static [&'static str] {
    &manifest::KINDS
}

/// The JSON Schema of a kind's settings, without `type`; `None` for an unknown kind.
pub fn schema(kind: &str) -> Option<Value> {
    manifest::find(kind).map(|m| settings::schema(&m.title, &m.settings))
}

/// The settings of a kind that hold secrets. Empty for an unknown kind.
pub fn secret_settings(kind: &str) -> Vec<String> {
    let settings = manifest::find(kind).map(|m| m.settings.as_slice()).unwrap_or_default();
    settings.iter().filter(|s| s.secret).map(|s| s.name.clone()).collect()
}

/// The settings of a kind that are paths. Empty for an unknown kind.
pub fn path_settings(kind: &str) -> Vec<String> {
    let settings = manifest::find(kind).map(|m| m.settings.as_slice()).unwrap_or_default();
    settings.iter().filter(|s| s.is_path()).map(|s| s.name.clone()).collect()
}

/// The settings of a kind that are texts, or tables of texts. Empty for an unknown kind.
pub fn text_settings(kind: &str) -> Vec<String> {
    let settings = manifest::find(kind).map(|m| m.settings.as_slice()).unwrap_or_default();
    settings.iter().filter(|s| s.is_text()).map(|s| s.name.clone()).collect()
}

/// Makes the destination `name` of a project. `settings` are those of the project without `type`,
/// with secrets resolved. Nothing is opened or sent.
///
/// A relative path is relative to the working directory of the process: complete those of
/// [`path_settings`] first.
///
/// # Errors
/// Every problem, each with its place `destinations.NAME.SETTING`: C003, C005, C006, and C007 for
/// an unknown kind.
pub fn build(
    name: &str,
    kind: &str,
    settings: &Map<String, Value>,
    client: &Client,
) -> Result<Arc<dyn Destination>, Vec<Error>> {
    let place = format!("destinations.{name}");
    let Some(manifest) = manifest::find(kind) else {
        let error =
            Error::new(Code::UnknownReference, format!("there is no type of destination called {kind:?}"));
        return Err(vec![
            error.at(format!("{place}.type")).help(format!("the types are {}", kinds().join(", "))),
        ]);
    };
    let values = settings::read(&manifest.settings, settings, &place)?;
    let built: Result<Arc<dyn Destination>, Error> = match &manifest.api {
        Some(api) => post::Http::api(name, manifest, api, &values, client).map(|d| Arc::new(d) as _),
        None if kind == "file" => Ok(Arc::new(file::File::new(name, &values))),
        None => post::Http::webhook(name, &values, client).map(|d| Arc::new(d) as _),
    };
    built.map_err(|e| match e.place() {
        Some(setting) => {
            let setting = format!("{place}.{setting}");
            vec![e.at(setting)]
        }
        None => vec![e.at(place)],
    })
}
