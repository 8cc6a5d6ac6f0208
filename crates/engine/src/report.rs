//! The documents that `run` and `runs` print. Their fields are a contract
//! (`docs/reference/documents.md`).

use outflow_core::ports::state::{DeliveryRecord, Gap, GapCause, ListedRun};
use outflow_core::ports::watch::Audit;
use outflow_core::run::RunTrigger;
use outflow_core::{
    CallType, Code, DeliveryCounts, DeliveryState, Result, RowCounts, RunId, RunRecord, RunState, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::forms::{by_name, number_or_text};
use crate::{RunReader, clock};

/// The version of all documents. It rises when a field changes its meaning or goes away.
pub const FORMAT_VERSION: u32 = 3;

/// What one run did.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunDocument {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The run's number.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// The kind of its calls.
    #[serde(rename = "type")]
    pub call_type: CallType,
    /// Its state.
    pub state: RunState,
    /// Whether it was left unfinished by an earlier process.
    pub resumed: bool,
    /// `{{last_sync_time}}` in its query; null if the query was never rendered.
    #[serde(with = "number_or_text")]
    #[schema(value_type = Value)]
    pub last_sync_time: Option<String>,
    /// The same for the next run; null if nothing was committed.
    #[serde(with = "number_or_text")]
    #[schema(value_type = Value)]
    pub next_last_sync_time: Option<String>,
    /// Its rows.
    pub rows: RowCounts,
    /// Its destinations, in the project's order.
    #[serde(with = "by_name")]
    #[schema(value_type = BTreeMap<String, DeliveryDocument>)]
    pub destinations: Vec<(String, DeliveryDocument)>,
    /// Whose calls it sends again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replays: Option<RunId>,
    /// Which runs send calls of this one again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replayed_by: Vec<RunId>,
    /// Calls of earlier runs of the sync that destinations have not got and that no run sends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingDocument>,
    /// Calls of earlier runs of the sync that wait for a destination which has stopped, unless this
    /// run itself waits for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierDocument>,
    /// How long its halves took in this process.
    pub seconds: Seconds,
    /// Why it is not further on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Calls of an earlier run that wait for a destination which has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EarlierDocument {
    /// The destination.
    pub destination: String,
    /// The first run that waits.
    pub run: RunId,
    /// How many calls wait, of all such runs.
    pub calls: u64,
    /// Why the destination stopped.
    pub reason: Reason,
}

/// Calls that a destination has not got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MissingDocument {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// The run whose calls are missing.
    pub run: RunId,
    /// How many.
    pub calls: u64,
    /// `{{last_sync_time}}` of the query that gave them.
    #[serde(with = "number_or_text")]
    #[schema(value_type = Value)]
    pub last_sync_time: Option<String>,
    /// Why they are missing.
    pub cause: GapCause,
    /// Since when.
    pub since: Timestamp,
    /// The run that sends them; null while there is none.
    pub filled_by: Option<RunId>,
    /// Why they cannot be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl MissingDocument {
    /// What is missing, in a sentence.
    pub fn sentence(&self) -> String {
        let Self { sync, destination, run, calls, .. } = self;
        format!("{calls} calls of run {run} of {sync} did not reach {destination}: the run is lost")
    }
}

impl From<Gap> for MissingDocument {
    fn from(gap: Gap) -> Self {
        let missing = gap.missing;
        Self {
            sync: missing.sync,
            destination: missing.destination,
            run: missing.opened_by,
            calls: missing.calls,
            last_sync_time: missing.start,
            cause: missing.cause,
            since: missing.opened_at,
            filled_by: gap.filled_by,
            reason: gap.reason.map(Reason::from),
        }
    }
}

/// A destination that runs of a sync leave out until it has caught up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LeftOutDocument {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// The first run that left it out and whose calls it has not been sent.
    pub first: RunId,
    /// The last one.
    pub last: RunId,
    /// How many calls these runs have.
    pub calls: u64,
    /// Since when.
    pub since: Timestamp,
    /// Why they cannot be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl LeftOutDocument {
    /// Those of these gaps that are of destinations which runs left out.
    pub fn of(gaps: &[Gap]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for Gap { missing, reason, .. } in gaps.iter().filter(|gap| gap.is_left_out()) {
            let why = || reason.clone().map(Reason::from);
            let same = |d: &&mut Self| d.sync == missing.sync && d.destination == missing.destination;
            match all.iter_mut().find(same) {
                Some(known) => {
                    known.first = known.first.min(missing.first);
                    known.last = known.last.max(missing.first);
                    known.calls = known.calls.saturating_add(missing.calls);
                    known.since = known.since.min(missing.opened_at);
                    known.reason = known.reason.take().or_else(why);
                }
                None => all.push(Self {
                    sync: missing.sync.clone(),
                    destination: missing.destination.clone(),
                    first: missing.first,
                    last: missing.first,
                    calls: missing.calls,
                    since: missing.opened_at,
                    reason: why(),
                }),
            }
        }
        all
    }

    /// The same in a sentence.
    pub fn sentence(&self) -> String {
        let Self { sync, destination, first, last, calls, .. } = self;
        format!(
            "runs {first} to {last} of {sync} left {destination} out, as it was too far behind: it gets their {calls} calls when it has caught up"
        )
    }
}

/// What a destination has not been sent because a person decided so: it is new to a sync, was away
/// from it, or its calls were given up. It is sent when a person asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UnsentDocument {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// Why.
    pub cause: GapCause,
    /// The first run whose calls it has not been sent.
    pub first: RunId,
    /// The last one.
    pub last: RunId,
    /// `{{last_sync_time}}` of the first one.
    #[serde(with = "number_or_text")]
    #[schema(value_type = Value)]
    pub last_sync_time: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// The run that sends it; null while there is none.
    pub filled_by: Option<RunId>,
    /// Why it cannot be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl UnsentDocument {
    /// Those of these gaps that wait for a person.
    pub fn of(gaps: &[Gap]) -> Vec<Self> {
        let mine = gaps.iter().filter(|gap| !gap.is_automatic());
        let document = |gap: &Gap| Self {
            sync: gap.missing.sync.clone(),
            destination: gap.missing.destination.clone(),
            cause: gap.missing.cause,
            first: gap.missing.first,
            last: gap.missing.last,
            last_sync_time: gap.missing.start.clone(),
            since: gap.missing.opened_at,
            filled_by: gap.filled_by,
            reason: gap.reason.clone().map(Reason::from),
        };
        mine.map(document).collect()
    }
}

impl RunReader {
    /// What lost runs of a sync have left missing.
    ///
    /// # Errors
    /// What the state says.
    pub async fn missing(&self, sync: &str) -> Result<Vec<MissingDocument>> {
        let mut gaps = self.state.open_gaps().await?;
        gaps.retain(|gap| gap.missing.sync == sync && gap.is_lost());
        Ok(gaps.into_iter().map(MissingDocument::from).collect())
    }
}

/// One destination of a run.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryDocument {
    /// Its state.
    pub state: DeliveryState,
    /// Its numbers.
    #[serde(flatten)]
    pub counts: DeliveryCounts,
    /// Why it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// A code with what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reason {
    /// The code.
    pub code: Code,
    /// What happened.
    pub message: String,
}

impl Reason {
    /// Only what the code means: what happened can hold words of a database or a destination, and
    /// with them values of rows.
    pub fn hide_words(&mut self) {
        self.code.title().clone_into(&mut self.message);
    }
}

/// How long the halves of a run took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Seconds {
    /// From the connection to the committed extraction.
    pub extract: f64,
    /// From there until the last destination was done.
    pub deliver: f64,
}

/// One line of `outflow runs`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunListEntry {
    /// The run itself.
    #[serde(flatten)]
    pub document: RunDocument,
    /// What set it off.
    pub trigger: RunTrigger,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Which run stood in its way.
    pub skipped_by: Option<RunId>,
    /// What its recount by `serve` found; null if there was none.
    pub verified: Option<Audit>,
}

impl RunDocument {
    /// For somebody who may not see values of rows: see [`Reason::hide_words`].
    pub fn hide_words(&mut self) {
        let own = self.reason.iter_mut();
        let of_deliveries = self.destinations.iter_mut().filter_map(|(_, delivery)| delivery.reason.as_mut());
        let missing = self.missing.iter_mut().filter_map(|missing| missing.reason.as_mut());
        let earlier = self.earlier.iter_mut().map(|earlier| &mut earlier.reason);
        own.chain(of_deliveries).chain(missing).chain(earlier).for_each(Reason::hide_words);
    }

    /// The document of a run as the state has it.
    pub fn of(record: &RunRecord, deliveries: Vec<DeliveryRecord>, resumed: bool, seconds: Seconds) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            run: record.id,
            sync: record.sync.clone(),
            call_type: record.call_type,
            state: record.state,
            resumed,
            last_sync_time: record.last_sync_time.clone(),
            next_last_sync_time: record.next_last_sync_time.clone(),
            rows: record.rows,
            destinations: deliveries.into_iter().map(DeliveryDocument::named).collect(),
            replays: record.replays,
            replayed_by: record.replayed_by.clone(),
            missing: Vec::new(),
            earlier: Vec::new(),
            seconds,
            reason: record.reason.clone().map(Reason::from),
        }
    }

    /// Whether rows were rejected or calls became dead letters.
    pub fn has_losses(&self) -> bool {
        self.rows.rejected > 0 || self.destinations.iter().any(|(_, d)| d.counts.dead_letters > 0)
    }
}

impl Seconds {
    /// Computed from the times in the state.
    pub fn between(record: &RunRecord) -> Self {
        let took = |a: Option<Timestamp>, b: Timestamp| {
            a.map_or(0.0, |a| clock::age(b, a).unwrap_or_default().as_secs_f64())
        };
        Self {
            extract: took(record.extracted_at, record.started_at),
            deliver: record.extracted_at.map_or(0.0, |at| took(record.ended_at, at)),
        }
    }
}

impl RunListEntry {
    /// The line of a run as the state has it.
    pub fn of(record: &RunRecord, deliveries: Vec<DeliveryRecord>, verified: Option<Audit>) -> Self {
        let seconds = Seconds::between(record);
        Self {
            document: RunDocument::of(record, deliveries, false, seconds),
            trigger: record.trigger,
            due_at: record.due_at,
            started_at: record.started_at,
            ended_at: record.ended_at,
            skipped_by: record.skipped_by,
            verified,
        }
    }
}

impl From<ListedRun> for RunListEntry {
    fn from(ListedRun { record, deliveries, audit }: ListedRun) -> Self {
        Self::of(&record, deliveries, audit)
    }
}

impl DeliveryDocument {
    fn named(record: DeliveryRecord) -> (String, Self) {
        let DeliveryRecord { destination, state, counts, reason, .. } = record;
        (destination, Self { state, counts, reason: reason.map(Reason::from) })
    }
}

impl From<(Code, String)> for Reason {
    fn from((code, message): (Code, String)) -> Self {
        Self { code, message }
    }
}
