//! The test of destinations: whether each can be reached, and whether it takes our key.
//!
//! What always holds: no call of a person is sent, and nothing is written to the state.

use std::collections::BTreeSet;

use outflow_core::ports::state::{DefinitionId, DefinitionKind, Pause, PauseKind};
use outflow_core::{BoxFuture, Code, Error, SyncSpec, Timestamp};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::{DestinationConfig, Part, Project, suggestion};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::CheckDocument;
use crate::{App, wiring};

/// What to test.
#[derive(Clone, Debug, Default)]
pub struct DestinationTestRequest {
    /// The destinations; all of the project if there is none.
    pub names: Vec<String>,
    /// Webhooks get a test call.
    pub send: bool,
}

/// The test of some destinations.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DestinationTest {
    format_version: u32,
    /// No step of any destination failed.
    pub ok: bool,
    /// The destinations.
    pub destinations: Vec<TestedDestination>,
}

/// The test of a destination.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TestedDestination {
    /// Its name.
    pub destination: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// No step failed.
    pub ok: bool,
    /// The steps.
    pub checks: Vec<CheckDocument>,
}

/// What happens during a test. Each has the name and the type of the destination.
pub enum DestinationTestEvent<'a> {
    /// The test of a destination begins.
    Destination(&'a str, &'a str),
    /// A step has ended.
    Check(&'a str, &'a str, &'a CheckDocument),
}

/// A destination of the project.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DestinationDocument {
    /// Its name.
    pub destination: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is defined.
    pub place: String,
    /// The syncs that send to it.
    pub syncs: Vec<String>,
    /// Since when a person has paused it, if one has.
    pub paused_since: Option<Timestamp>,
}

impl App {
    /// The destinations of the project. Needs no secret.
    ///
    /// # Errors
    /// Problems of the project.
    pub fn destinations<'a>(&'a self) -> BoxFuture<'a, Result<Vec<DestinationDocument>, Errors>> {
        Box::pin(async move {
            let project = self.look_at_project().await?;
            let pauses = self.pauses().await.unwrap_or_default();
            let sends_to =
                |spec: &&SyncSpec, name: &str| spec.connections.iter().any(|c| c.destination == name);
            let document = |config: &DestinationConfig| {
                let is_its = |p: &&Pause| p.of.kind == PauseKind::Destination && p.of.name == config.name;
                let syncs = project.syncs.iter().filter(|spec| sends_to(spec, &config.name));
                DestinationDocument {
                    destination: config.name.clone(),
                    kind: config.kind.clone(),
                    place: config.place.to_string(),
                    syncs: syncs.map(|spec| spec.name.clone()).collect(),
                    paused_since: pauses.iter().find(is_its).map(|pause| pause.since),
                }
            };
            Ok(project.destinations.iter().map(document).collect())
        })
    }

    /// Tests the destinations that are named, one after the other. Steps are reported as they end.
    /// Only the secrets of these destinations are needed, and nothing of the project but them.
    ///
    /// # Errors
    /// Problems of the destinations in the project's files, and C011 for each unknown name.
    pub async fn test_destinations(
        &self,
        request: &DestinationTestRequest,
        listener: impl FnMut(DestinationTestEvent<'_>) + Send,
    ) -> Result<DestinationTest, Errors> {
        let project = match self.load_partly().await {
            Ok(project) => project,
            Err(_) => self.load_destinations().await?,
        };
        test_each(project, request, listener).await
    }

    /// As [`App::test_destinations`], as if the destination were defined like this. Nothing is
    /// written.
    ///
    /// # Errors
    /// Every problem of the project that would be. C020: the files own the destination.
    pub async fn test_destination_as(
        &self,
        destination: &str,
        value: &Value,
        send: bool,
        listener: impl FnMut(DestinationTestEvent<'_>) + Send,
    ) -> Result<DestinationTest, Errors> {
        let id = DefinitionId::new(DefinitionKind::Destination, destination);
        let project = self.load_as_if(id, value).await?;
        let request = DestinationTestRequest { names: vec![destination.to_owned()], send };
        test_each(project, &request, listener).await
    }
}

/// Tests the destinations that are named, one after the other.
async fn test_each(
    project: Project,
    request: &DestinationTestRequest,
    mut listener: impl FnMut(DestinationTestEvent<'_>) + Send,
) -> Result<DestinationTest, Errors> {
    let meant = meant(&project, &request.names)?;
    let parts: Vec<Part> = meant.iter().cloned().map(Part::Destination).collect();
    let mut project = project.require(&parts)?;
    project.destinations.retain(|config| meant.contains(&config.name));
    let built = wiring::destinations(&project)?;
    let mut destinations = Vec::new();
    for config in &project.destinations {
        let Some(destination) = built.get(&config.name) else { continue };
        let (name, kind) = (config.name.as_str(), config.kind.as_str());
        listener(DestinationTestEvent::Destination(name, kind));
        let mut checks = Vec::new();
        let mut report = |check| {
            let check = CheckDocument::from(check);
            listener(DestinationTestEvent::Check(name, kind, &check));
            checks.push(check);
        };
        destination.test(request.send, &mut report).await;
        let ok = !checks.iter().any(CheckDocument::has_failed);
        destinations.push(TestedDestination {
            destination: name.to_owned(),
            kind: kind.to_owned(),
            ok,
            checks,
        });
    }
    let ok = destinations.iter().all(|tested| tested.ok);
    Ok(DestinationTest { format_version: FORMAT_VERSION, ok, destinations })
}

/// The names that are meant: all, if nothing is named.
fn meant(project: &Project, names: &[String]) -> Result<BTreeSet<String>, Vec<Error>> {
    let known: Vec<&str> = project.destinations.iter().map(|config| config.name.as_str()).collect();
    let unknown = |name: &&String| !known.contains(&name.as_str());
    let error = |name: &String| {
        let message = format!("there is no destination {name:?}");
        Error::new(Code::NoSuchSyncOrRun, message).help(suggestion(name, "the destinations are", &known))
    };
    let errors: Vec<Error> = names.iter().filter(unknown).map(error).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let all = known.iter().map(ToString::to_string);
    Ok(match names {
        [] => all.collect(),
        names => names.iter().cloned().collect(),
    })
}
