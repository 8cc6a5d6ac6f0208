//! Live events of the process that serves: what front ends stream to people.
//!
//! What always holds:
//! - Events have numbers without holes. The last [`KEPT`] are kept, so a listener that was away
//!   goes on where it was, or learns how many it has missed. A listener holds its place and nothing
//!   else: a slow one costs no memory.
//! - Progress of one run (or of one delivery) is reported at most every [`EVERY`]; what comes in
//!   between is replaced by what comes after. Everything else is reported as it happens, in order.
//! - No row value and no foreign text is in an event.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outflow_core::{Clock as _, RunId, SystemClock, Timestamp};
use outflow_engine::Event;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

/// This many events are kept.
pub const KEPT: usize = 4_096;
/// Progress is reported no more often than this.
const EVERY: Duration = Duration::from_millis(250);
/// A listener takes no more events at a time.
const BATCH: usize = 128;

/// Something that happened.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LiveEvent {
    /// What: `run_started`, `run_read`, `run_ended`, ….
    pub event: &'static str,
    /// When.
    pub at: Timestamp,
    /// The sync that it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<String>,
    /// The run that it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The destination that it happened at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Numbers and codes of the event.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub data: Value,
}

/// What a listener gets.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The next event, with its number and as JSON.
    Event(u64, Arc<LiveEvent>),
    /// Events with these numbers are gone: from the first to before the second.
    Gap(u64, u64),
}

/// The events of a process.
#[derive(Clone)]
pub struct Live(Arc<Shared>);

struct Shared {
    events: Mutex<Events>,
    /// The number of the next event.
    next: watch::Sender<u64>,
    /// Which process this is: its start, in milliseconds. Numbers begin again with each.
    epoch: u64,
}

#[derive(Default)]
struct Events {
    kept: VecDeque<Arc<LiveEvent>>,
    next: u64,
    /// The latest progress of each run and delivery that is not reported yet.
    progress: HashMap<Subject, LiveEvent>,
}

/// Whose progress it is.
type Subject = (&'static str, RunId, Option<String>);

/// A place in the events.
pub struct Listener {
    live: Live,
    news: watch::Receiver<u64>,
    at: u64,
}

impl Live {
    /// No events yet.
    pub(crate) fn new(since: Timestamp) -> Self {
        let (next, _) = watch::channel(0);
        let epoch = since.as_millisecond().unsigned_abs();
        Self(Arc::new(Shared { events: Mutex::default(), next, epoch }))
    }

    /// Which process this is; numbers of another one mean nothing here.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// Listens from the event of this number on; `None`: to what comes from now on.
    pub fn listen(&self, from: Option<u64>) -> Listener {
        let news = self.0.next.subscribe();
        let next = self.events().next;
        Listener { live: self.clone(), news, at: from.map_or(next, |from| from.min(next)) }
    }

    /// Takes an event of the supervisor. Never waits for a listener.
    pub(crate) fn observe(&self, event: &Event) {
        let (event, is_progress) = described(event);
        let mut events = self.events();
        if let (true, Some(run)) = (is_progress, event.run) {
            events.progress.insert((event.event, run, event.destination.clone()), event);
            return;
        }
        // What was read and delivered before comes before.
        events.report(|(_, run, _)| Some(*run) == event.run);
        events.push(event);
        self.tell(events);
    }

    /// Reports progress for ever.
    pub(crate) async fn report_progress(&self) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut events = self.events();
            events.report(|_| true);
            self.tell(events);
        }
    }

    fn events(&self) -> MutexGuard<'_, Events> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, events: MutexGuard<'_, Events>) {
        let next = events.next;
        drop(events);
        self.0.next.send_if_modified(|known| std::mem::replace(known, next) != next);
    }
}

impl Events {
    fn push(&mut self, event: LiveEvent) {
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Arc::new(event));
        self.next = self.next.saturating_add(1);
    }

    fn report(&mut self, is_meant: impl Fn(&Subject) -> bool) {
        let mut reported: Vec<LiveEvent> =
            self.progress.extract_if(|subject, _| is_meant(subject)).map(|(_, event)| event).collect();
        reported.sort_by_key(|event| event.at);
        reported.into_iter().for_each(|event| self.push(event));
    }

    /// The number of the oldest event that is kept.
    fn first(&self) -> u64 {
        self.next.saturating_sub(self.kept.len() as u64)
    }
}

impl Listener {
    /// The next events, once there are some; none: the process no longer serves.
    pub async fn next(&mut self) -> Vec<Heard> {
        loop {
            let found = self.take();
            if !found.is_empty() {
                return found;
            }
            if self.news.changed().await.is_err() {
                return Vec::new();
            }
        }
    }

    fn take(&mut self) -> Vec<Heard> {
        self.news.mark_unchanged();
        let events = self.live.events();
        let (mut found, first) = (Vec::new(), events.first());
        if self.at < first {
            found.push(Heard::Gap(self.at, first));
            self.at = first;
        }
        let behind = usize::try_from(self.at.saturating_sub(first)).unwrap_or(usize::MAX);
        for event in events.kept.iter().skip(behind).take(BATCH) {
            found.push(Heard::Event(self.at, event.clone()));
            self.at = self.at.saturating_add(1);
        }
        found
    }
}

/// The event for listeners, and whether it is progress. Text of others stays out.
fn described(event: &Event) -> (LiveEvent, bool) {
    let at = SystemClock.now();
    let of = |event, sync: &str, run: RunId, destination: Option<&String>, data| LiveEvent {
        event,
        at,
        sync: Some(sync.to_owned()),
        run: Some(run),
        destination: destination.cloned(),
        data,
    };
    let plain = |event, data| LiveEvent { event, at, sync: None, run: None, destination: None, data };
    let mut is_progress = false;
    let described = match event {
        Event::Started { sync, run, resumed } => {
            of("run_started", sync, *run, None, json!({ "resumed": resumed }))
        }
        Event::Reading { sync, run, .. } => of("run_reading", sync, *run, None, json!({})),
        Event::Read { sync, run, rows, rejected } => {
            is_progress = true;
            of("run_read", sync, *run, None, json!({ "rows": rows, "rejected": rejected }))
        }
        Event::Extracted { sync, run, rows, seconds, .. } => {
            of("run_extracted", sync, *run, None, json!({ "rows": rows, "seconds": seconds }))
        }
        Event::Failed { sync, run, errors } => {
            let codes: Vec<_> = errors.iter().map(|error| error.code()).collect();
            of("run_failed", sync, *run, None, json!({ "codes": codes }))
        }
        Event::AwaitingApproval { sync, run, code, reason } => {
            of("run_awaits_approval", sync, *run, None, json!({ "code": code, "reason": reason }))
        }
        Event::Approved { sync, run } => of("run_approved", sync, *run, None, json!({})),
        Event::Skipped { sync, run, slot, reason } => {
            of("run_skipped", sync, *run, None, json!({ "slot": slot, "reason": reason }))
        }
        Event::Delivering { sync, run, destination, counts } => {
            is_progress = true;
            of("run_delivering", sync, *run, Some(destination), json!(counts))
        }
        Event::Retrying { sync, run, destination, code, seconds, .. } => {
            let data = json!({ "code": code, "seconds": seconds });
            of("request_retrying", sync, *run, Some(destination), data)
        }
        Event::Delivered { sync, run, destination, state, counts, reason } => {
            let code = reason.as_ref().map(|(code, _)| code);
            let data = json!({ "state": state, "counts": counts, "code": code });
            of("run_delivered", sync, *run, Some(destination), data)
        }
        Event::Ended { sync, run, state } => of("run_ended", sync, *run, None, json!({ "state": state })),
        Event::Degraded { sync, destination, degraded } => LiveEvent {
            sync: Some(sync.clone()),
            destination: Some(destination.clone()),
            ..plain("destination_degraded", json!({ "degraded": degraded }))
        },
        Event::Audited { sync, run, differences } => {
            of("run_verified", sync, *run, None, json!({ "differences": differences.len() }))
        }
        Event::Alert { alert } => {
            let recovered = alert.recovered_at.is_some();
            let data = json!({ "alert": alert.kind, "subject": alert.subject, "recovered": recovered });
            plain("alert", data)
        }
        Event::DestinationSkipped { sync, run, destination } => {
            of("destination_skipped", sync, *run, Some(destination), json!({}))
        }
        Event::Reloaded => plain("reloaded", json!({})),
        Event::Problem { error } => plain("problem", json!({ "code": error.code() })),
        Event::ClockJumped { .. } => plain("clock_jumped", json!({})),
    };
    (described, is_progress)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(run: u64) -> Event {
        Event::Started { sync: "users".to_owned(), run: RunId(run), resumed: false }
    }

    fn read(run: u64, rows: u64) -> Event {
        Event::Read { sync: "users".to_owned(), run: RunId(run), rows, rejected: 0 }
    }

    fn names(heard: &[Heard]) -> Vec<String> {
        let name = |heard: &Heard| match heard {
            Heard::Event(number, event) => format!("{number} {} {}", event.event, event.data),
            Heard::Gap(from, to) => format!("gap {from}..{to}"),
        };
        heard.iter().map(name).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn progress_is_coalesced_and_comes_before_what_follows_it() {
        let live = Live::new(SystemClock.now());
        let mut listener = live.listen(None);
        live.observe(&started(1));
        (1..=100).for_each(|rows| live.observe(&read(1, rows)));
        live.observe(&read(2, 7));
        live.observe(&Event::Approved { sync: "users".to_owned(), run: RunId(1) });
        let told = names(&listener.next().await);
        let read_100 = "1 run_read {\"rows\":100,\"rejected\":0}";
        assert_eq!(told, ["0 run_started {\"resumed\":false}", read_100, "2 run_approved {}"]);
        let reporting = tokio::spawn({
            let live = live.clone();
            async move { live.report_progress().await }
        });
        assert_eq!(names(&listener.next().await), ["3 run_read {\"rows\":7,\"rejected\":0}"]);
        reporting.abort();
    }

    #[tokio::test]
    async fn a_listener_that_was_away_goes_on_or_learns_what_it_missed() {
        let live = Live::new(SystemClock.now());
        (0..10).for_each(|run| live.observe(&started(run)));
        let again = names(&live.listen(Some(8)).next().await);
        assert_eq!(again, ["8 run_started {\"resumed\":false}", "9 run_started {\"resumed\":false}"]);
        (0..KEPT as u64).for_each(|run| live.observe(&started(run)));
        let mut late = live.listen(Some(3));
        let told = names(&late.next().await);
        assert_eq!((told[0].as_str(), told.len()), ("gap 3..10", BATCH + 1));
        // The numbers of another process mean nothing: no listener waits for events of the future.
        assert_eq!(live.listen(Some(u64::MAX)).at, KEPT as u64 + 10);
    }
}
