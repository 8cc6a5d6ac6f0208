//! Removing a person from what is kept: calls, rejected rows, samples of them, and what
//! destinations said of their calls.
//!
//! What always holds: a run's numbers stay. A removed call keeps its place and its ordinal and
//! nothing else; where it was pending it counts as cancelled from then on, so `verify` is as clean
//! as before. Segments are replaced as they are made: the state names the old file or the new one,
//! never half a file.
//!
//! What it does not do: reach what was sent, or the warehouse. A run that is being read is not
//! looked into, but named. The baseline's hashes stay: each one is of a whole call, and to
//! recognise a person by it takes knowing, or guessing, all that the call said.

use std::collections::HashSet;

use outflow_core::ports::spool::{PURGED, Redacted, Rejection, SegmentInfo};
use outflow_core::ports::state::{DeadLetter, Purge, RunFilter};
use outflow_core::run::FindingCount;
use outflow_core::{CallMeta, Result, RunId, RunRecord, RunState, hash};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pages::{DeadLetterPages, RunPages};
use crate::report::FORMAT_VERSION;
use crate::{Engine, RunReader};

/// What a purge removed, or would remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PurgeReport {
    /// The version of the document.
    pub format_version: u32,
    /// Nothing was removed: this is what would be.
    pub dry_run: bool,
    /// The runs in which there was something, the newest first.
    pub runs: Vec<PurgedRun>,
    /// Runs that were being read and may hold the person when they have been.
    pub reading: Vec<RunId>,
}

/// What was removed from one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PurgedRun {
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// Calls.
    pub calls: u64,
    /// Rejected rows.
    pub rejections: u64,
    /// Samples of rejected rows.
    pub samples: u64,
    /// Message ids and reasons of dead letters.
    pub dead_letters: u64,
    /// Calls that were pending, over all destinations.
    pub cancelled: u64,
}

impl PurgeReport {
    fn new(dry_run: bool) -> Self {
        Self { format_version: FORMAT_VERSION, dry_run, runs: Vec::new(), reading: Vec::new() }
    }

    /// Whether the run is looked into. One that is being read is named instead.
    fn includes(&mut self, record: &RunRecord) -> bool {
        let is_read = matches!(record.state, RunState::Queued | RunState::Extracting);
        self.reading.extend(is_read.then_some(record.id));
        !is_read
    }

    fn add(&mut self, purged: PurgedRun) {
        self.runs.extend(Some(purged).filter(|purged| !purged.is_empty()));
    }
}

impl PurgedRun {
    fn is_empty(&self) -> bool {
        self.calls + self.rejections + self.samples + self.dead_letters == 0
    }
}

/// Who is to be removed.
struct Person<'a> {
    id: &'a str,
    key: u64,
}

/// The identifiers of a call, whatever they hold.
#[derive(Deserialize)]
struct Identifiers {
    #[serde(rename = "userId", default)]
    user: Value,
    #[serde(rename = "anonymousId", default)]
    anonymous: Value,
    #[serde(rename = "previousId", default)]
    previous: Value,
}

impl<'a> Person<'a> {
    fn new(id: &'a str) -> Self {
        Self { id, key: hash::key(b'p', id.as_bytes()) }
    }

    /// Whether a call is about this person: by its ordering keys or by one of its identifiers.
    fn has_call(&self, meta: &CallMeta, json: &[u8]) -> bool {
        meta.key == self.key
            || meta.key2 == self.key
            || serde_json::from_slice::<Identifiers>(json)
                .is_ok_and(|ids| [ids.user, ids.anonymous, ids.previous].iter().any(|id| id == self.id))
    }

    /// Whether a rejected row is: by the columns that would have become an identifier.
    fn has_row(&self, rejection: &Rejection) -> bool {
        rejection.row.iter().any(|(column, value)| {
            let named = ["userid", "anonymousid", "previousid", "email"]
                .iter()
                .any(|name| column.replace('_', "").eq_ignore_ascii_case(name));
            named && value.as_str().is_some_and(|text| text.trim().trim_matches('"') == self.id)
        })
    }

    /// Whether a destination's answer names this person: the id as a whole word.
    fn is_named_in(&self, text: &str) -> bool {
        let edge = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        text.match_indices(self.id).any(|(at, id)| {
            edge(text[..at].chars().next_back()) && edge(text[at + id.len()..].chars().next())
        })
    }
}

/// Where a person's data is in a run's segments.
#[derive(Default)]
struct Found {
    entries: Redacted,
    /// Positions of calls that are not unchanged: those that deliveries count.
    delivered: Vec<u64>,
}

/// What is to be replaced in a run.
struct Replacement {
    segments: Vec<SegmentInfo>,
    entries: Redacted,
    purge: Purge,
}

impl Engine {
    /// Removes a person from all that is kept. Not while a run is delivered.
    ///
    /// # Errors
    /// What the spool and the state say. What was removed until then stays removed; the purge can
    /// be repeated.
    pub async fn purge(&self, id: &str) -> Result<PurgeReport> {
        let (reader, person) = (self.reader(), Person::new(id));
        let mut report = PurgeReport::new(false);
        let mut pages = RunPages::new(reader.state.clone(), RunFilter::default());
        loop {
            let page = pages.next(u64::MAX).await?;
            if page.is_empty() {
                break;
            }
            for record in page {
                if report.includes(&record) {
                    let (purged, replacement) = reader.find_in_run(&record, &person).await?;
                    self.replace(record.id, replacement).await?;
                    report.add(purged);
                }
            }
        }
        self.state.scrub().await?;
        Ok(report)
    }

    /// Writes the new segments, has the state name them, and deletes the old ones, also those that
    /// an interrupted purge has left.
    async fn replace(&self, run: RunId, replacement: Replacement) -> Result<()> {
        let Replacement { segments, entries, mut purge } = replacement;
        if !entries.is_empty() {
            purge.segments = match self.spool.redact(run, &segments, &entries).await {
                Ok(replaced) => replaced,
                Err(error) => {
                    // The first error says more than a second one. Retention removes the orphans
                    // later.
                    if let Err(error) = self.spool.remove_orphans(run, &segments).await {
                        let error = &error as &(dyn std::error::Error + 'static);
                        tracing::warn!(run = run.0, error, "half-written segments stay until the next sweep");
                    }
                    return Err(error);
                }
            };
        }
        if !purge.is_empty() {
            self.state.purge(run, &purge).await?;
        }
        if segments.is_empty() {
            return Ok(());
        }
        let named = self.state.segments(run).await?;
        self.spool.remove_orphans(run, &named).await
    }
}

impl RunReader {
    /// What a purge would remove of a person.
    ///
    /// # Errors
    /// What the spool and the state say.
    pub async fn plan_purge(&self, id: &str) -> Result<PurgeReport> {
        let (person, mut report) = (Person::new(id), PurgeReport::new(true));
        let mut pages = RunPages::new(self.state.clone(), RunFilter::default());
        loop {
            let page = pages.next(u64::MAX).await?;
            if page.is_empty() {
                return Ok(report);
            }
            for record in page {
                if report.includes(&record) {
                    report.add(self.find_in_run(&record, &person).await?.0);
                }
            }
        }
    }

    async fn find_in_run(&self, record: &RunRecord, person: &Person<'_>) -> Result<(PurgedRun, Replacement)> {
        let run = record.id;
        let segments = self.state.segments(run).await?;
        let found = self.find(record, &segments, person).await?;
        let mut purge = Purge::default();
        let cancelled = self.cancel_pending(run, &found, &mut purge).await?;
        self.forget_letters(run, &found, person, &mut purge).await?;
        let samples = self.forget_samples(run, person, &mut purge).await?;
        let purged = PurgedRun {
            run,
            sync: record.sync.clone(),
            calls: found.entries.calls.len() as u64,
            rejections: found.entries.rejections.len() as u64,
            samples,
            dead_letters: purge.letters.len() as u64,
            cancelled,
        };
        Ok((purged, Replacement { segments, entries: found.entries, purge }))
    }

    async fn find(&self, run: &RunRecord, segments: &[SegmentInfo], person: &Person<'_>) -> Result<Found> {
        let mut found = Found::default();
        let mut calls = self.calls_until_stopped(run, segments, 0).await?;
        while let Some(block) = calls.next().await? {
            for (position, call) in (block.first..).zip(&block.calls) {
                if person.has_call(&call.meta, block.json(call)) {
                    found.entries.calls.push(position);
                    if !call.unchanged {
                        found.delivered.push(position);
                    }
                }
            }
        }
        let mut rejections = self.spool.rejections(run.id, segments, 0).await?;
        let mut position = 0;
        while let Some(read) = rejections.next().await? {
            for rejection in read {
                if person.has_row(&rejection) {
                    found.entries.rejections.push(position);
                }
                position += 1;
            }
        }
        Ok(found)
    }

    /// The person's pending calls become cancelled ones. Returns how many.
    async fn cancel_pending(&self, run: RunId, found: &Found, purge: &mut Purge) -> Result<u64> {
        let mut cancelled = 0;
        if found.delivered.is_empty() {
            return Ok(0);
        }
        for mut delivery in self.state.deliveries(run).await? {
            let open = found.delivered.iter().filter(|p| !delivery.settled.contains(**p)).count() as u64;
            // A delivery that was cancelled as a whole has none pending.
            let pending = open.min(delivery.counts.pending);
            if pending > 0 {
                // `min` above: neither number can wrap.
                delivery.counts.pending = delivery.counts.pending.saturating_sub(pending);
                delivery.counts.cancelled = delivery.counts.cancelled.saturating_add(pending);
                cancelled += pending;
                purge.deliveries.push(delivery);
            }
        }
        Ok(cancelled)
    }

    async fn forget_letters(
        &self,
        run: RunId,
        found: &Found,
        person: &Person<'_>,
        purge: &mut Purge,
    ) -> Result<()> {
        let positions: HashSet<u64> = found.delivered.iter().copied().collect();
        for delivery in self.state.deliveries(run).await?.iter().filter(|d| d.counts.dead_letters > 0) {
            let is_theirs = |letter: &DeadLetter| {
                letter.reason != PURGED
                    && (positions.contains(&letter.position) || person.is_named_in(&letter.reason))
            };
            let letters = DeadLetterPages::new(self.state.clone(), run, &delivery.destination);
            let theirs = letters
                .pick(|letter| is_theirs(&letter).then(|| (delivery.destination.clone(), letter.position)));
            purge.letters.extend(theirs.await?);
        }
        Ok(())
    }

    /// Takes out the samples that are about the person. Returns how many.
    async fn forget_samples(&self, run: RunId, person: &Person<'_>, purge: &mut Purge) -> Result<u64> {
        let mut findings = self.state.findings(run).await?;
        let count = |findings: &[FindingCount]| findings.iter().map(|f| f.samples.len() as u64).sum::<u64>();
        let before = count(&findings);
        for finding in &mut findings {
            finding.samples.retain(|sample| {
                !serde_json::from_str::<Rejection>(sample).is_ok_and(|rejection| person.has_row(&rejection))
            });
        }
        let removed = before.saturating_sub(count(&findings));
        purge.findings = (removed > 0).then_some(findings);
        Ok(removed)
    }
}
