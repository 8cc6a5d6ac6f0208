//! `outflow status`: what runs, what waits, what is due next, and what is wrong.

use outflow_core::ports::state::RunFilter;
use outflow_core::ports::watch::{AlertRecord, Pending};
use outflow_core::{Clock as _, Code, RunId, RunState, SyncSpec, SystemClock, Timestamp};
use outflow_engine::delivery::limiter::Health;
use outflow_engine::schedule::Slots;
use outflow_engine::serve::Handle;
use outflow_engine::{Engine, Errors, FORMAT_VERSION, Reason};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::alerts;
use crate::cli::Common;
use crate::control::{self, Ask};
use crate::exit::Exit;
use crate::output::{Printer, count, short, table};
use crate::wiring;
use outflow_project::Project;

/// The document.
#[derive(Serialize)]
struct Status {
    format_version: u32,
    /// The `serve` that is running, if one is.
    serving: Option<Serving>,
    syncs: Vec<SyncStatus>,
    /// Calls of committed runs that are not settled.
    waiting: Vec<Waiting>,
    alerts: Vec<serde_json::Value>,
    #[serde(skip)]
    records: Vec<AlertRecord>,
}

/// What a running `serve` says of itself.
#[derive(Serialize, Deserialize)]
pub struct Serving {
    pid: u32,
    since: Timestamp,
    destinations: Vec<DestinationStatus>,
}

/// How a destination is, as far as the running process knows.
#[derive(Serialize, Deserialize)]
struct DestinationStatus {
    destination: String,
    /// `healthy`, `failing` or `paused`.
    health: String,
    code: Option<Code>,
    since: Option<Timestamp>,
}

#[derive(Serialize)]
struct SyncStatus {
    sync: String,
    enabled: bool,
    /// The next slot of its schedule; in the past if nothing keeps it running.
    next_due: Option<Timestamp>,
    /// Its last run that was not skipped.
    last: Option<LastRun>,
}

#[derive(Serialize)]
struct LastRun {
    run: RunId,
    state: RunState,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

#[derive(Serialize)]
struct Waiting {
    sync: String,
    destination: String,
    calls: u64,
}

impl Serving {
    /// Of this process, which has been serving since then.
    pub fn of(handle: &Handle, since: Timestamp) -> Self {
        let config = handle.config();
        let mut destinations: Vec<_> = config.engine.destinations.values().collect();
        destinations.sort_by_key(|d| d.name());
        let status = destinations.into_iter().map(|destination| {
            let (health, code, since) = match config.engine.limiters.of(destination.as_ref()).health() {
                Health::Healthy => ("healthy", None, None),
                Health::Failing { since, code, .. } => ("failing", Some(code), Some(since)),
                Health::Paused { since, code, .. } => ("paused", Some(code), Some(since)),
            };
            let (destination, health) = (destination.name().to_owned(), health.to_owned());
            DestinationStatus { destination, health, code, since: since.map(wall_clock) }
        });
        Self { pid: std::process::id(), since, destinations: status.collect() }
    }
}

/// About when that was.
fn wall_clock(at: Instant) -> Timestamp {
    let now = SystemClock.now();
    jiff::SignedDuration::try_from(at.elapsed()).map_or(now, |ago| now.checked_sub(ago).unwrap_or(now))
}

/// Prints it.
pub async fn status(common: &Common, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load_without_secrets(&common.project)?;
    let answer = control::ask(&wiring::state_dir(common), &Ask::Status).await?;
    let serving = answer.and_then(|answer| serde_json::from_value(answer).ok());
    let engine = wiring::reader(common)?;
    let mut records = engine.state.alerts()?;
    records.retain(|a| a.recovered_at.is_none());
    let now = SystemClock.now();
    let syncs = project.syncs.iter().map(|spec| of_sync(&engine, spec, now)).collect::<Result<_, _>>()?;
    let waiting = engine.state.pending()?.into_iter().filter(|p| p.calls > 0);
    let status = Status {
        format_version: FORMAT_VERSION,
        serving,
        syncs,
        waiting: waiting
            .map(|Pending { sync, destination, calls }| Waiting { sync, destination, calls })
            .collect(),
        alerts: records.iter().map(alerts::entry).collect(),
        records,
    };
    printer.document(&status, |status| people(status, now));
    Ok(Exit::Done)
}

/// So many of the newest runs are looked at. If all of them are skips, what they wait for is not at its end.
const LOOKED_AT: u64 = 20;

fn of_sync(engine: &Engine, spec: &SyncSpec, now: Timestamp) -> Result<SyncStatus, Errors> {
    let slots = Slots::of(&spec.schedule);
    let next_due = match (engine.state.fired(&spec.name)?, &slots) {
        (Some(fired), _) => slots.after(fired),
        (None, Slots::Every { .. }) => slots.latest(Timestamp::MIN, now).or_else(|| slots.after(now)),
        (None, _) => slots.after(now),
    };
    let filter = RunFilter { sync: Some(spec.name.clone()), limit: LOOKED_AT };
    let last = match engine.state.runs(&filter)?.into_iter().find(|run| run.state != RunState::Skipped) {
        Some(run) => Some(run),
        None => engine.state.unfinished_runs()?.into_iter().rfind(|run| run.sync == spec.name),
    };
    Ok(SyncStatus {
        sync: spec.name.clone(),
        enabled: spec.enabled,
        next_due: next_due.filter(|_| spec.enabled),
        last: last.map(|run| LastRun {
            run: run.id,
            state: run.state,
            started_at: run.started_at,
            ended_at: run.ended_at,
            reason: run.reason.map(Reason::from),
        }),
    })
}

fn people(status: &Status, now: Timestamp) -> String {
    let mut text = match &status.serving {
        Some(Serving { pid, since, .. }) => format!("serving since {}, process {pid}\n", time(*since)),
        None => "nothing serves this project: `outflow serve` keeps its syncs running\n".to_owned(),
    };
    let rows: Vec<_> = status.syncs.iter().map(|sync| sync_row(sync, now)).collect();
    text += &("\n".to_owned() + &table(&["sync", "next due", "last run", "state", "started", "why"], &rows));
    if let Some(Serving { destinations, .. }) = &status.serving {
        let row = |d: &DestinationStatus| {
            let why = d.code.map(|code| format!("{code} {}", code.title())).unwrap_or_default();
            vec![d.destination.clone(), d.health.clone(), d.since.map(time).unwrap_or_default(), why]
        };
        let rows: Vec<_> = destinations.iter().map(row).collect();
        text += &("\n".to_owned() + &table(&["destination", "health", "since", "why"], &rows));
    }
    if !status.waiting.is_empty() {
        let row = |w: &Waiting| vec![w.sync.clone(), w.destination.clone(), count(w.calls)];
        let rows: Vec<_> = status.waiting.iter().map(row).collect();
        text += &("\n".to_owned() + &table(&["sync", "destination", "calls that wait"], &rows));
    }
    if !status.records.is_empty() {
        text += &("\n".to_owned() + &alerts::people(&status.records));
    }
    text
}

fn sync_row(sync: &SyncStatus, now: Timestamp) -> Vec<String> {
    let next = match sync.next_due {
        _ if !sync.enabled => "disabled".to_owned(),
        None => "when asked for".to_owned(),
        Some(at) if at <= now => "now".to_owned(),
        Some(at) => time(at),
    };
    let mut row = vec![sync.sync.clone(), next];
    match &sync.last {
        None => row.extend(["", "never ran", "", ""].map(str::to_owned)),
        Some(last) => row.extend([
            last.run.to_string(),
            last.state.to_string(),
            time(last.started_at),
            last.reason.as_ref().map(|r| short(&format!("{} {}", r.code, r.message), 60)).unwrap_or_default(),
        ]),
    }
    row
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
