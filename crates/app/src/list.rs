//! The syncs of a project: what they read, when, and where their calls go.

use jiff::tz::TimeZone;
use outflow_core::ports::state::Pause;
use outflow_core::{
    BoxFuture, CallType, Clock as _, Error, SyncSpec, SystemClock, Timestamp, sync::Schedule,
};
use outflow_engine::schedule::Slots;
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SyncList {
    format_version: u32,
    /// The syncs.
    pub syncs: Vec<SyncDocument>,
    /// Why it is not known what is paused.
    #[serde(skip)]
    pub not_known: Option<Error>,
}

/// A sync as the project's files have it.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
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

/// A sync with its query and its next slots.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SyncDetail {
    /// The sync.
    #[serde(flatten)]
    pub sync: SyncDocument,
    /// The query, with its variables.
    pub query: String,
    /// The next slots of its schedule, five at most; none if it runs when it is asked for. Those of
    /// a sync that is disabled or paused are those that it would have.
    pub next_slots: Vec<SyncSlot>,
}

/// A slot of a schedule.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SyncSlot {
    /// When.
    pub at: Timestamp,
    /// The same on the wall of the schedule's time zone: `2026-11-01T02:30:00-05:00`.
    pub local: String,
    /// The clocks of that zone are changed between the slot before (or now) and this one.
    pub clocks_change: bool,
}

/// How many slots are shown.
const SLOTS: usize = 5;

impl App {
    /// One sync. Needs no secret.
    ///
    /// # Errors
    /// Problems of the project; C011: there is no such sync.
    pub fn sync<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SyncDetail, Errors>> {
        Box::pin(async move {
            let project = self.look_at_project().await?;
            let spec = project.sync(name)?;
            let pauses = self.pauses().await.unwrap_or_default();
            let next_slots = slots(&spec.schedule, SystemClock.now());
            Ok(SyncDetail { sync: SyncDocument::of(spec, &pauses), query: spec.query.clone(), next_slots })
        })
    }

    /// Lists the syncs that are meant; all of them, disabled ones too, if nothing is said. Needs no
    /// secret. A state that cannot be read is no error: then it is not known what is paused.
    ///
    /// # Errors
    /// Problems of the project, and parts of the selection that mean nothing.
    pub fn list<'a>(&'a self, which: &'a Selectors) -> BoxFuture<'a, Result<SyncList, Errors>> {
        Box::pin(async move {
            let project = self.look_at_project().await?;
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
        })
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

/// The next slots of a schedule.
pub(crate) fn slots(schedule: &Schedule, now: Timestamp) -> Vec<SyncSlot> {
    let zone = match schedule {
        Schedule::Cron { timezone, .. } => TimeZone::get(timezone).unwrap_or(TimeZone::UTC),
        Schedule::Manual | Schedule::Every { .. } => TimeZone::UTC,
    };
    let (slots, mut before, mut found) = (Slots::of(schedule), now, Vec::new());
    while let Some(at) = slots.after(before).filter(|_| found.len() < SLOTS) {
        let (local, earlier) = (at.to_zoned_datetime(zone.clone()), before.to_zoned_datetime(zone.clone()));
        let clocks_change = local.offset() != earlier.offset();
        let local = local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        found.push(SyncSlot { at, local, clocks_change });
        before = at;
    }
    found
}

/// A schedule in a few words.
pub(crate) fn in_words(schedule: &Schedule) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_say_where_clocks_change() {
        let cron = Schedule::Cron { cron: "30 2 * * *".to_owned(), timezone: "Europe/Berlin".to_owned() };
        let found = slots(&cron, "2026-10-23T12:00:00Z".parse().unwrap());
        let told: Vec<_> = found.iter().map(|slot| (slot.local.as_str(), slot.clocks_change)).collect();
        assert_eq!(told.len(), SLOTS);
        assert_eq!(told[0], ("2026-10-24T02:30:00+02:00", false));
        // On the 25th it is half past two twice; the clocks have been changed by the 26th.
        assert_eq!(told.iter().filter(|(_, change)| *change).count(), 1, "{told:?}");
        assert_eq!(told[4].0.split_once('T').unwrap().1, "02:30:00+01:00");
        assert_eq!(slots(&Schedule::Manual, SystemClock.now()).len(), 0);
    }
}
