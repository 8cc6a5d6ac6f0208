//! Connections: which destinations the syncs of a source send to, unless a sync says otherwise.
//!
//! What always holds: a connection is an entry of the source's `destinations`, so a change of one
//! is a version of the source. What this does not do: change a sync that names destinations itself.

use std::collections::BTreeSet;

use outflow_core::ports::state::{DefinitionFilter, DefinitionId, DefinitionKind};
use outflow_core::{BoxFuture, Code, Error};
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::Serialize;
use serde_json::{Value, json};

use crate::definitions::{DefinitionDocument, DefinitionEdit, DefinitionRequest};
use crate::{App, Caller};

/// Every pair of a source and a destination that calls go from and to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConnectionList {
    format_version: u32,
    /// The connections, by source and destination.
    pub connections: Vec<ConnectionDocument>,
}

/// A connection.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct ConnectionDocument {
    /// The source.
    pub source: String,
    /// The destination.
    pub destination: String,
    /// All syncs of the source that name no destinations themselves send to it.
    pub of_source: bool,
    /// The syncs of the source that send to it.
    pub syncs: Vec<String>,
}

impl App {
    /// The connections of the project.
    ///
    /// # Errors
    /// Problems of the project. The state, if it cannot be read.
    pub fn connections<'a>(&'a self) -> BoxFuture<'a, Result<ConnectionList, Errors>> {
        Box::pin(async move {
            let project = self.look_at_project().await?;
            let mut of_sources: Vec<(String, String)> = Vec::new();
            let sources =
                DefinitionFilter { kind: Some(DefinitionKind::Source), ..DefinitionFilter::default() };
            for found in self.definitions(&sources).await? {
                let named = found.value.as_ref().and_then(|value| value["destinations"].as_array());
                let names = named.into_iter().flatten().filter_map(name_of);
                of_sources.extend(names.map(|name| (found.id.name.clone(), name.to_owned())));
            }
            let of_syncs = project.syncs.iter().flat_map(|spec| {
                spec.connections.iter().map(|c| (spec.source.clone(), c.destination.clone()))
            });
            let all: BTreeSet<(String, String)> = of_sources.iter().cloned().chain(of_syncs).collect();
            let connections = all.into_iter().map(|(source, destination)| {
                let sends = project.syncs.iter().filter(|spec| {
                    spec.source == source && spec.connections.iter().any(|c| c.destination == destination)
                });
                let syncs = sends.map(|spec| spec.name.clone()).collect();
                let of_source = of_sources.contains(&(source.clone(), destination.clone()));
                ConnectionDocument { source, destination, of_source, syncs }
            });
            Ok(ConnectionList { format_version: FORMAT_VERSION, connections: connections.collect() })
        })
    }

    /// Makes a connection, or changes its settings (`{}`, `{"nulls": "omit"}`); `None` removes it.
    ///
    /// # Errors
    /// Every problem of the project that would be. C020: the files own the source. C022: there is
    /// no such source, or no such connection to remove.
    pub fn change_connection<'a>(
        &'a self,
        source: &'a str,
        destination: &'a str,
        settings: Option<&'a Value>,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<DefinitionDocument, Errors>> {
        Box::pin(async move {
            let id = DefinitionId::new(DefinitionKind::Source, source);
            let found = self.definition(&id).await?;
            let mut value = found.value.unwrap_or_default();
            let mut all = value["destinations"].as_array().cloned().unwrap_or_default();
            let at = all.iter().position(|entry| name_of(entry) == Some(destination));
            match (settings, at) {
                (Some(settings), Some(at)) => all[at] = entry(destination, settings)?,
                (Some(settings), None) => all.push(entry(destination, settings)?),
                (None, Some(at)) => drop(all.remove(at)),
                (None, None) => {
                    let message = format!("source {source} has no connection to {destination}");
                    return Err(Error::new(Code::NoSuchDefinition, message).into());
                }
            }
            if let Value::Object(members) = &mut value {
                members.insert("destinations".to_owned(), Value::Array(all));
            }
            let edit = DefinitionEdit::Replace(value);
            let request = DefinitionRequest { id, edit, expected: Some(found.version) };
            self.change_definition(&request, false, caller).await
        })
    }
}

/// The destination of an entry of `destinations`.
fn name_of(entry: &Value) -> Option<&str> {
    entry.as_str().or_else(|| entry["name"].as_str())
}

/// An entry with these settings: a name alone, if there are none.
fn entry(destination: &str, settings: &Value) -> Result<Value, Error> {
    let Value::Object(settings) = settings else {
        let message = "the settings of a connection are an object";
        return Err(Error::new(Code::InvalidValue, message).help("send {} for none"));
    };
    if settings.is_empty() {
        return Ok(json!(destination));
    }
    let mut entry = settings.clone();
    entry.insert("name".to_owned(), json!(destination));
    Ok(Value::Object(entry))
}
