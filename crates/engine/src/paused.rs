//! What people have paused, and what waits for a person before it begins, as the engine treats it.
//!
//! What always holds: a destination is either among those that get calls or paused, and what the
//! project does not have is neither. A paused sync begins no run by its schedule, as one that the
//! project disables. What it does not do: read or write the state.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use outflow_core::ports::destination::Destination;
use outflow_core::ports::state::{Pause, PauseKind};
use outflow_core::{Code, SyncSpec, Timestamp};

use crate::Engine;

/// What is paused, and since when.
#[derive(Clone, Default)]
pub struct Paused {
    syncs: BTreeMap<String, Timestamp>,
    destinations: BTreeMap<String, (Timestamp, Arc<dyn Destination>)>,
    /// New syncs that a person has to look at before their schedules begin.
    withheld: BTreeSet<String>,
}

impl Paused {
    /// Since when a sync is paused, if it is.
    pub fn sync(&self, name: &str) -> Option<Timestamp> {
        self.syncs.get(name).copied()
    }

    /// Since when a destination of the project is paused, if it is.
    pub fn destination(&self, name: &str) -> Option<Timestamp> {
        self.destinations.get(name).map(|(since, _)| *since)
    }

    /// The paused destinations of the project, by name.
    pub fn destinations(&self) -> impl Iterator<Item = (&str, Timestamp, &dyn Destination)> {
        self.destinations.iter().map(|(name, (since, to))| (name.as_str(), *since, to.as_ref()))
    }

    /// Whether the schedule of a sync begins runs.
    pub fn is_scheduled(&self, spec: &SyncSpec) -> bool {
        spec.enabled && self.sync(&spec.name).is_none() && !self.withheld.contains(&spec.name)
    }

    /// Why calls for a destination wait, if a person has paused it.
    pub fn reason(&self, destination: &str) -> Option<(Code, String)> {
        let since = self.destination(destination)?;
        Some((Code::DestinationPaused, sentence(destination, since)))
    }
}

/// What is said of a destination that a person has paused.
pub fn sentence(destination: &str, since: Timestamp) -> String {
    format!("{destination} is paused by a person since {since:.0}")
}

impl Engine {
    /// The same engine with these pauses, and no other. What the project does not have is ignored.
    #[must_use]
    pub fn with_pauses(mut self, pauses: &[Pause]) -> Self {
        let before = std::mem::take(&mut self.paused);
        self.paused.withheld = before.withheld;
        self.destinations.extend(before.destinations.into_iter().map(|(name, (_, to))| (name, to)));
        for Pause { of, since } in pauses {
            match of.kind {
                PauseKind::Sync => drop(self.paused.syncs.insert(of.name.clone(), *since)),
                PauseKind::Destination => {
                    let to = self.destinations.remove(&of.name);
                    let paused = to.map(|to| (of.name.clone(), (*since, to)));
                    self.paused.destinations.extend(paused);
                }
            }
        }
        self
    }

    /// The same engine, in which the schedules of these syncs begin no run.
    #[must_use]
    pub fn withholding(mut self, syncs: BTreeSet<String>) -> Self {
        self.paused.withheld = syncs;
        self
    }

    /// The same engine with the destinations of another project, and the same pauses of syncs.
    /// [`Engine::with_pauses`] says which of the destinations are paused.
    #[must_use]
    pub fn with_destinations(mut self, destinations: HashMap<String, Arc<dyn Destination>>) -> Self {
        self.paused.destinations.clear();
        Self { destinations, ..self }
    }

    /// Whether the project has this destination, paused or not.
    pub(crate) fn has_destination(&self, name: &str) -> bool {
        self.destinations.contains_key(name) || self.paused.destination(name).is_some()
    }

    /// Every destination of the project, paused ones too.
    pub fn all_destinations(&self) -> impl Iterator<Item = &dyn Destination> {
        let paused = self.paused.destinations.values().map(|(_, to)| to.as_ref());
        self.destinations.values().map(AsRef::as_ref).chain(paused)
    }
}
