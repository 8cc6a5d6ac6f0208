//! Removing a person from what is kept: calls, rejected rows, samples of them, and what destinations said of their calls.
//!
//! What always holds: a run's numbers stay. A removed call keeps its place and its ordinal and nothing else; where it was pending it counts as cancelled from then on, so
//! `verify` is as clean as before. Segments are replaced as they are made: the state names the old file or the new one, and nobody ever half of one.
//!
//! What it does not do: reach what was sent, or the warehouse. A run that is being read is not looked into, but named. The baseline's hashes stay: each one is of
//! a whole call, and to recognise a person by it takes knowing, or guessing, all that the call said.

use std::collections::HashSet;

use outflow_core::ports::spool::{PURGED, Redacted, Rejection, SegmentInfo};
use outflow_core::ports::state::{DeadLetter, Purge, RunFilter};
use outflow_core::run::FindingCount;
use outflow_core::{CallMeta, Result, RunId, RunRecord, RunState, hash};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::FORMAT_VERSION;
use crate::{Engine, wait};

/// What a purge removed, or would remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Person<'_> {
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

    /// Whether what a destination said names this person: the id as a word of its own.
    fn is_named_in(&self, text: &str) -> bool {
        let edge = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
        text.match_indices(self.id).any(|(at, id)| {
            edge(text[..at].chars().next_back()) && edge(text[at + id.len()..].chars().next())
        })
    }
}

/// Where a person stands in a run's segments.
#[derive(Default)]
struct Found {
    entries: Redacted,
    /// Positions of calls that are not unchanged: those that deliveries count.
    delivered: Vec<u64>,
}

impl Engine {
    /// Removes a person from all that is kept. Blocks. Unless it is a `dry_run`, only the holder of the state may call it, and not while a run is delivered.
    ///
    /// # Errors
    /// What the spool and the state say. What was removed until then stays removed; the purge can be repeated.
    pub fn purge(&self, id: &str, dry_run: bool) -> Result<PurgeReport> {
        let person = Person { id, key: hash::key(b'p', id.as_bytes()) };
        let mut report =
            PurgeReport { format_version: FORMAT_VERSION, dry_run, runs: Vec::new(), reading: Vec::new() };
        for record in self.state.runs(&RunFilter::default())? {
            if matches!(record.state, RunState::Queued | RunState::Extracting) {
                report.reading.push(record.id);
                continue;
            }
            let purged = self.purge_run(&record, &person, dry_run)?;
            if !purged.is_empty() {
                report.runs.push(purged);
            }
        }
        if !dry_run {
            self.state.scrub()?;
        }
        Ok(report)
    }

    fn purge_run(&self, record: &RunRecord, person: &Person<'_>, dry_run: bool) -> Result<PurgedRun> {
        let run = record.id;
        let segments = self.state.segments(run)?;
        let found = self.find(run, &segments, person)?;
        let mut purge = Purge::default();
        let cancelled = self.cancel_pending(run, &found, &mut purge)?;
        self.forget_letters(run, &found, person, &mut purge)?;
        let samples = self.forget_samples(run, person, &mut purge)?;
        let purged = PurgedRun {
            run,
            sync: record.sync.clone(),
            calls: found.entries.calls.len() as u64,
            rejections: found.entries.rejections.len() as u64,
            samples,
            dead_letters: purge.letters.len() as u64,
            cancelled,
        };
        if !dry_run {
            self.replace(run, &segments, &found.entries, purge)?;
        }
        Ok(purged)
    }

    fn find(&self, run: RunId, segments: &[SegmentInfo], person: &Person<'_>) -> Result<Found> {
        let mut found = Found::default();
        self.each_call(run, segments, 0, |position, call, json| {
            if person.has_call(&call.meta, json) {
                found.entries.calls.push(position);
                if !call.unchanged {
                    found.delivered.push(position);
                }
            }
            Ok(())
        })?;
        let mut rejections = wait(self.spool.rejections(run, segments))?;
        let mut position = 0;
        while let Some(read) = wait(rejections.next())? {
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
    fn cancel_pending(&self, run: RunId, found: &Found, purge: &mut Purge) -> Result<u64> {
        let mut cancelled = 0;
        if found.delivered.is_empty() {
            return Ok(0);
        }
        for mut delivery in self.state.deliveries(run)? {
            let open = found.delivered.iter().filter(|p| !delivery.settled.contains(**p)).count() as u64;
            // A delivery that was cancelled as a whole has none pending.
            let pending = open.min(delivery.counts.pending);
            if pending > 0 {
                delivery.counts.pending -= pending;
                delivery.counts.cancelled += pending;
                cancelled += pending;
                purge.deliveries.push(delivery);
            }
        }
        Ok(cancelled)
    }

    fn forget_letters(
        &self,
        run: RunId,
        found: &Found,
        person: &Person<'_>,
        purge: &mut Purge,
    ) -> Result<()> {
        let positions: HashSet<u64> = found.delivered.iter().copied().collect();
        for delivery in self.state.deliveries(run)?.iter().filter(|d| d.counts.dead_letters > 0) {
            let is_theirs = |letter: &DeadLetter| {
                letter.reason != PURGED
                    && (positions.contains(&letter.position) || person.is_named_in(&letter.reason))
            };
            let letters = self.state.dead_letters(run, &delivery.destination, 0, u64::MAX >> 1)?;
            let theirs = letters.into_iter().filter(is_theirs);
            purge.letters.extend(theirs.map(|letter| (delivery.destination.clone(), letter.position)));
        }
        Ok(())
    }

    /// Takes out the samples that are about the person. Returns how many.
    fn forget_samples(&self, run: RunId, person: &Person<'_>, purge: &mut Purge) -> Result<u64> {
        let mut findings = self.state.findings(run)?;
        let count = |findings: &[FindingCount]| findings.iter().map(|f| f.samples.len() as u64).sum::<u64>();
        let before = count(&findings);
        for finding in &mut findings {
            finding.samples.retain(|sample| {
                !serde_json::from_str::<Rejection>(sample).is_ok_and(|rejection| person.has_row(&rejection))
            });
        }
        let removed = before - count(&findings);
        purge.findings = (removed > 0).then_some(findings);
        Ok(removed)
    }

    /// Writes the new segments, has the state name them, and deletes the old ones, also those that an interrupted purge has left.
    fn replace(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        entries: &Redacted,
        mut purge: Purge,
    ) -> Result<()> {
        if !entries.is_empty() {
            purge.segments = wait(self.spool.redact(run, segments, entries)).inspect_err(|_| {
                // The first error says more than a second one. Retention removes the orphans later.
                if let Err(error) = wait(self.spool.remove_orphans(run, segments)) {
                    let error = &error as &(dyn std::error::Error + 'static);
                    tracing::warn!(run = run.0, error, "half-written segments stay until the next sweep");
                }
            })?;
        }
        if !purge.is_empty() {
            self.state.purge(run, &purge)?;
        }
        if segments.is_empty() {
            return Ok(());
        }
        wait(self.spool.remove_orphans(run, &self.state.segments(run)?))
    }
}
