//! Counters of what the supervisor reports, for as long as the process lives.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use outflow_core::{Code, DeliveryCounts, DeliveryState, RunId, RunState, Timestamp};
use outflow_engine::serve::Event;

use super::snapshot::Snapshot;

/// Counts for as long as the process lives.
pub struct Recorder {
    since: Timestamp,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    runs: BTreeMap<(String, &'static str), u64>,
    rows: BTreeMap<(String, &'static str), u64>,
    extract_seconds: BTreeMap<String, f64>,
    queues: BTreeMap<(String, String), QueueCounts>,
    /// Deliveries in flight: their counts in the last notice, and since when this process works on
    /// them.
    open: HashMap<(RunId, String), (DeliveryCounts, Instant)>,
}

/// A destination of a sync.
#[derive(Default)]
struct QueueCounts {
    counts: DeliveryCounts,
    seconds: Option<f64>,
}

impl Recorder {
    /// A recorder of a process that started then.
    pub fn new(since: Timestamp) -> Self {
        Self { since, counts: Mutex::default() }
    }

    /// When the process started.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Takes a notice into account.
    pub fn observe(&self, notice: &Event) {
        let mut counts = self.lock();
        let ended = |counts: &mut Counts, sync: &str, state: RunState| {
            *counts.runs.entry((sync.to_owned(), state.name())).or_default() += 1;
        };
        match notice {
            Event::Extracted { sync, rows, seconds, .. } => {
                for (outcome, n) in
                    [("calls", rows.calls), ("rejected", rows.rejected), ("unchanged", rows.unchanged)]
                {
                    *counts.rows.entry((sync.clone(), outcome)).or_default() += n;
                }
                counts.extract_seconds.insert(sync.clone(), *seconds);
            }
            Event::Failed { sync, errors, .. } => {
                let cancelled = errors.first().is_some_and(|e| e.code() == Code::Interrupted);
                ended(&mut counts, sync, if cancelled { RunState::Cancelled } else { RunState::Failed });
            }
            Event::Skipped { sync, .. } => ended(&mut counts, sync, RunState::Skipped),
            Event::Ended { sync, run, state } => {
                ended(&mut counts, sync, *state);
                counts.open.retain(|(r, _), _| r != run);
            }
            Event::Delivering { sync, run, destination, counts: now } => {
                counts.delivery(sync, *run, destination, now);
            }
            Event::Delivered { sync, run, destination, state, counts: now, .. } => {
                let began = counts.delivery(sync, *run, destination, now);
                if matches!(state, DeliveryState::Succeeded | DeliveryState::Partial) {
                    counts.open.remove(&(*run, destination.clone()));
                    let queue = counts.queues.entry((sync.clone(), destination.clone())).or_default();
                    queue.seconds = Some(began.elapsed().as_secs_f64());
                }
            }
            Event::Started { .. }
            | Event::AwaitingApproval { .. }
            | Event::Approved { .. }
            | Event::Degraded { .. }
            | Event::DestinationSkipped { .. }
            | Event::Reading { .. }
            | Event::Read { .. }
            | Event::Retrying { .. }
            | Event::Audited { .. }
            | Event::Alert { .. }
            | Event::ClockJumped { .. }
            | Event::Reloaded
            | Event::Problem { .. } => {}
        }
    }

    /// Adds what was counted of these syncs and destinations.
    pub fn add(&self, snapshot: &mut Snapshot, syncs: &[&str], destinations: &[&str]) {
        let counts = self.lock();
        let known = |sync: &str| syncs.contains(&sync);
        fn of<'a>(
            map: &'a BTreeMap<(String, &'static str), u64>,
            label: &'static str,
        ) -> Vec<([(&'a str, &'a str); 2], f64)> {
            map.iter()
                .map(|((sync, word), n)| ([("sync", sync.as_str()), (label, *word)], *n as f64))
                .collect()
        }
        let runs = of(&counts.runs, "state");
        let runs = runs.iter().filter(|(l, _)| known(l[0].1)).map(|(l, n)| (&l[..], *n));
        snapshot.add("outflow_runs_total", runs);
        let rows = of(&counts.rows, "outcome");
        let rows = rows.iter().filter(|(l, _)| known(l[0].1)).map(|(l, n)| (&l[..], *n));
        snapshot.add("outflow_rows_total", rows);
        let seconds: Vec<_> =
            counts.extract_seconds.iter().map(|(s, n)| ([("sync", s.as_str())], *n)).collect();
        let seconds = seconds.iter().filter(|(l, _)| known(l[0].1)).map(|(l, n)| (&l[..], *n));
        snapshot.add("outflow_last_extraction_seconds", seconds);
        let queues: Vec<_> = counts
            .queues
            .iter()
            .filter(|((sync, destination), _)| known(sync) && destinations.contains(&destination.as_str()))
            .map(|((sync, destination), queue)| {
                ([("sync", sync.as_str()), ("destination", destination.as_str())], queue)
            })
            .collect();
        add_queues(snapshot, &queues);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Adds what a delivery has settled since its last notice. What an earlier process settled is
    /// not counted again.
    fn delivery(&mut self, sync: &str, run: RunId, destination: &str, now: &DeliveryCounts) -> Instant {
        let open = self.open.entry((run, destination.to_owned())).or_insert_with(|| (*now, Instant::now()));
        let (before, began) = (std::mem::replace(&mut open.0, *now), open.1);
        let sum = &mut self.queues.entry((sync.to_owned(), destination.to_owned())).or_default().counts;
        let add = |sum: &mut u64, now: u64, before: u64| *sum += now.saturating_sub(before);
        add(&mut sum.delivered, now.delivered, before.delivered);
        add(&mut sum.dead_letters, now.dead_letters, before.dead_letters);
        add(&mut sum.filtered, now.filtered, before.filtered);
        add(&mut sum.cancelled, now.cancelled, before.cancelled);
        add(&mut sum.discarded, now.discarded, before.discarded);
        add(&mut sum.requests, now.requests, before.requests);
        add(&mut sum.retries, now.retries, before.retries);
        add(&mut sum.bytes, now.bytes, before.bytes);
        began
    }
}

/// One of a delivery's counts.
type Counted = fn(&DeliveryCounts) -> u64;

fn add_queues(snapshot: &mut Snapshot, queues: &[([(&str, &str); 2], &QueueCounts)]) {
    let mut calls = Vec::new();
    for ([sync, destination], queue) in queues {
        let c = &queue.counts;
        for (outcome, n) in [
            ("delivered", c.delivered),
            ("dead_letter", c.dead_letters),
            ("filtered", c.filtered),
            ("cancelled", c.cancelled),
            ("discarded", c.discarded),
        ] {
            calls.push(([*sync, *destination, ("outcome", outcome)], n as f64));
        }
    }
    snapshot.add("outflow_calls_total", calls.iter().map(|(l, n)| (&l[..], *n)));
    let families: [(&str, Counted); 3] = [
        ("outflow_requests_total", |c| c.requests),
        ("outflow_request_retries_total", |c| c.retries),
        ("outflow_request_bytes_total", |c| c.bytes),
    ];
    for (name, pick) in families {
        snapshot.add(name, queues.iter().map(|(l, queue)| (&l[..], pick(&queue.counts) as f64)));
    }
    let seconds = queues.iter().filter_map(|(l, queue)| Some((&l[..], queue.seconds?)));
    snapshot.add("outflow_last_delivery_seconds", seconds);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivering(run: u64, delivered: u64) -> Event {
        let counts = DeliveryCounts {
            calls: 100,
            delivered,
            pending: 100 - delivered,
            requests: delivered,
            ..DeliveryCounts::default()
        };
        Event::Delivering { sync: "users".into(), run: RunId(run), destination: "a".into(), counts }
    }

    #[test]
    fn what_an_earlier_process_settled_and_what_is_said_twice_count_once() {
        let recorder = Recorder::new(Timestamp::UNIX_EPOCH);
        // Run 5 was begun by an earlier process; run 6 begins at zero.
        for (run, n) in [(5, 40), (5, 70), (5, 70), (5, 100), (6, 0), (6, 10)] {
            recorder.observe(&delivering(run, n));
        }
        let mut snapshot = Snapshot::default();
        recorder.add(&mut snapshot, &["users"], &["a"]);
        let page = snapshot.page().unwrap();
        let line = "outflow_calls_total{sync=\"users\",destination=\"a\",outcome=\"delivered\"} 70\n";
        assert!(page.contains(line), "{page}");
        // What has left the project is left out.
        let mut snapshot = Snapshot::default();
        recorder.add(&mut snapshot, &["users"], &["b"]);
        assert_eq!(snapshot.page().unwrap(), "");
    }
}
