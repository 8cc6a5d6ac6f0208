//! The syncs of a project: what they read, when, and where their calls go.

use outflow_core::ports::state::Pause;
use outflow_core::{CallType, Error, SyncSpec, Timestamp, sync::Schedule};
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::Serialize;

use crate::{App, paused};

/// Which syncs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selectors {
    /// Names, patterns, `tag:NAME`, `source:NAME`, `destination:NAME`.
    pub select: Vec<String>,
    /// The same, for what is left out.
    pub exclude: Vec<String>,
}

impl Selectors {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.select.is_empty() && self.exclude.is_empty()
    }
}

/// Syncs of the project.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SyncList {
    format_version: u32,
    /// The syncs.
    pub syncs: Vec<SyncDocument>,
    /// Why it is not known what is paused.
    #[serde(skip)]
    pub not_known: Option<Error>,
}

/// A sync as the project's files have it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SyncDocument {
    /// Its name.
    pub sync: String,
    /// What a row becomes.
    #[serde(rename = "type")]
    pub call_type: CallType,
    /// `SOURCE.DATABASE`.
    pub source: String,
    /// When it runs, in a few words.
    pub schedule: String,
    /// Whether its schedule counts.
    pub enabled: bool,
    /// Since when a person has paused it, if one has.
    pub paused_since: Option<Timestamp>,
    /// Where its calls go.
    pub destinations: Vec<String>,
    /// Words to select it by.
    pub tags: Vec<String>,
    /// For people.
    pub description: String,
}

impl App {
    /// Lists the syncs that are meant; all of them, disabled ones too, if nothing is said. Needs no
    /// secret. A state that cannot be read is no error: then it is not known what is paused.
    ///
    /// # Errors
    /// Problems of the project, and parts of the selection that mean nothing.
    pub async fn list(&self, which: &Selectors) -> Result<SyncList, Errors> {
        let project = self.load_partly().await?;
        let (pauses, not_known) = match self.pauses().await {
            Ok(pauses) => (pauses, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let document = |spec| SyncDocument::of(spec, &pauses);
        let syncs = if which.is_empty() {
            project.syncs.iter().map(document).collect()
        } else {
            // What is paused is shown as such, and so is meant.
            let names = project.select(&which.select, &which.exclude, |_| false)?;
            let known: Result<Vec<&SyncSpec>, _> = names.iter().map(|name| project.sync(name)).collect();
            known?.into_iter().map(document).collect()
        };
        Ok(SyncList { format_version: FORMAT_VERSION, syncs, not_known })
    }
}

impl SyncDocument {
    fn of(spec: &SyncSpec, pauses: &[Pause]) -> Self {
        Self {
            sync: spec.name.clone(),
            call_type: spec.call_type,
            source: format!("{}.{}", spec.source, spec.database),
            schedule: in_words(&spec.schedule),
            enabled: spec.enabled,
            paused_since: paused::of_sync(pauses, &spec.name),
            destinations: spec.connections.iter().map(|c| c.destination.clone()).collect(),
            tags: spec.tags.clone(),
            description: spec.description.clone(),
        }
    }
}

fn in_words(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Manual => "when asked for".to_owned(),
        Schedule::Every { every, .. } => {
            let seconds = every.as_secs();
            let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
            let unit = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
            let (unit, letter) = unit.unwrap_or((1, "s"));
            format!("every {}{letter}", seconds.checked_div(unit).unwrap_or(seconds))
        }
        Schedule::Cron { cron, timezone } => format!("{cron} ({timezone})"),
    }
}
