//! Metrics for Prometheus, in its text format 0.0.4, at a separate address or for another server.
//!
//! Counters are counted as notices come in ([`Recorder`]) and begin at zero with the process.
//! Everything else is read at the scrape, from memory and from the state's small tables, so that
//! nothing is computed until a scrape requests it.
//!
//! Labels are names of syncs and destinations of the project in force, states, outcomes and kinds
//! of alerts: the project bounds their number. No row value, URL or secret is in them.

mod families;
mod process;
mod recorder;
mod snapshot;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use outflow_core::ports::destination::Destination;
use outflow_core::ports::watch::Standing;
use outflow_core::{Clock as _, Code, Error, SystemClock};
use outflow_engine::delivery::limiter::Health;
use outflow_engine::serve::{Handle, RuntimeConfig};
use tokio::net::TcpListener;

use crate::http::{reply, serve};
pub use recorder::Recorder;
pub use snapshot::CONTENT_TYPE;
use snapshot::Snapshot;

const CONNECTIONS: usize = 64;
const TOTAL: Duration = Duration::from_secs(10);
const PLAIN: &str = "text/plain; charset=utf-8";

/// Listens. It serves when [`answer`] is called.
///
/// # Errors
/// C005: the address is not this machine's, or is taken.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|e| {
        Error::new(Code::InvalidValue, format!("cannot listen on {address} for metrics"))
            .help("give metrics.listen or --metrics an address of this machine with a free port")
            .caused_by(e)
    })
}

/// Answers `/metrics` and `/healthz` for ever.
pub async fn answer(listener: Arc<TcpListener>, recorder: Arc<Recorder>, handle: Handle) {
    let answer = move |request: Request<Incoming>| {
        let (recorder, handle) = (recorder.clone(), handle.clone());
        async move {
            if request.method() != Method::GET && request.method() != Method::HEAD {
                return reply(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET\n");
            }
            match request.uri().path() {
                "/healthz" => reply(StatusCode::OK, PLAIN, "ok\n"),
                "/metrics" => {
                    let made = page(&recorder, &handle).await;
                    match made {
                        Ok(page) => reply(StatusCode::OK, CONTENT_TYPE, page),
                        Err(_) => {
                            reply(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "the state cannot be read\n")
                        }
                    }
                }
                _ => reply(StatusCode::NOT_FOUND, PLAIN, "/metrics or /healthz\n"),
            }
        }
    };
    serve(&listener, CONNECTIONS, TOTAL, answer).await;
}

/// All metrics as they are now, of [`CONTENT_TYPE`].
///
/// # Errors
/// The state cannot be read.
pub async fn page(recorder: &Recorder, handle: &Handle) -> Result<String, Error> {
    let mut snapshot = Snapshot::default();
    snapshot.add("outflow_build_info", [(&[("version", env!("CARGO_PKG_VERSION"))][..], 1.0)]);
    let config = handle.config();
    let syncs: Vec<&str> = config.syncs.iter().map(|m| m.spec.name.as_str()).collect();
    let mut destinations: Vec<&str> = config.engine.all_destinations().map(Destination::name).collect();
    destinations.sort_unstable();
    recorder.add(&mut snapshot, &syncs, &destinations);
    standings(&mut snapshot, &config, &syncs).await?;
    queues(&mut snapshot, &config, handle).await?;
    health(&mut snapshot, &config, &destinations);
    let spool = config.engine.spool.clone();
    let room = tokio::task::spawn_blocking(move || spool.room().ok()).await.ok().flatten();
    snapshot.one("outflow_disk_free_bytes", room.map(|room| room.free as f64));
    snapshot.one("outflow_disk_reserve_bytes", room.map(|room| room.reserve as f64));
    alerts(&mut snapshot, &config).await?;
    process::add(&mut snapshot, recorder.since());
    snapshot.page().map_err(|e| Error::new(Code::StateIo, "the metrics cannot be written").caused_by(e))
}

async fn standings(snapshot: &mut Snapshot, config: &RuntimeConfig, syncs: &[&str]) -> Result<(), Error> {
    let now = SystemClock.now();
    let standings = config.engine.state.standings(now, now).await?;
    let known: Vec<_> = standings.iter().filter(|s| syncs.contains(&s.sync.as_str())).collect();
    let labels: Vec<_> = known.iter().map(|s| [("sync", s.sync.as_str())]).collect();
    let of = |pick: &dyn Fn(&Standing) -> Option<f64>| {
        known.iter().zip(&labels).filter_map(|(s, l)| Some((&l[..], pick(s)?))).collect::<Vec<_>>()
    };
    let success = of(&|s| s.last_success.map(|at| at.as_second() as f64));
    snapshot.add("outflow_last_success_timestamp_seconds", success);
    snapshot.add("outflow_failed_runs_in_a_row", of(&|s| Some(s.failed as f64)));
    snapshot.add("outflow_run_awaiting_approval", of(&|s| Some(one(s.awaiting_approval.is_some()))));
    Ok(())
}

async fn queues(snapshot: &mut Snapshot, config: &RuntimeConfig, handle: &Handle) -> Result<(), Error> {
    let pending = config.engine.state.pending().await?;
    let labels = |sync, destination| [("sync", sync), ("destination", destination)];
    let samples: Vec<_> =
        pending.iter().map(|p| (labels(p.sync.as_str(), p.destination.as_str()), p.calls as f64)).collect();
    snapshot.add("outflow_calls_pending", samples.iter().map(|(l, n)| (&l[..], *n)));
    let queues = handle.queues();
    let each: Vec<_> = queues.iter().map(|l| (labels(l.sync.as_str(), l.destination.as_str()), l)).collect();
    snapshot.add("outflow_backlog_runs", each.iter().map(|(l, queue)| (&l[..], queue.runs.len() as f64)));
    snapshot.add("outflow_backlog_bytes", each.iter().map(|(l, queue)| (&l[..], queue.bytes as f64)));
    snapshot.add("outflow_destination_degraded", each.iter().map(|(l, queue)| (&l[..], one(queue.degraded))));
    Ok(())
}

fn health(snapshot: &mut Snapshot, config: &RuntimeConfig, destinations: &[&str]) {
    let mut samples = Vec::new();
    for name in destinations {
        let Some(destination) = config.engine.destinations.get(*name) else {
            // A person has paused it.
            samples.push(([("destination", *name)], one(false), one(true)));
            continue;
        };
        let health = config.engine.limiters.of(destination.as_ref()).health();
        let paused = matches!(health, Health::Paused { .. });
        samples.push(([("destination", *name)], one(health == Health::Healthy), one(paused)));
    }
    snapshot.add("outflow_destination_up", samples.iter().map(|(l, up, _)| (&l[..], *up)));
    snapshot.add("outflow_destination_paused", samples.iter().map(|(l, _, paused)| (&l[..], *paused)));
}

async fn alerts(snapshot: &mut Snapshot, config: &RuntimeConfig) -> Result<(), Error> {
    let mut firing = BTreeMap::<String, u64>::new();
    for alert in config.engine.state.alerts().await?.into_iter().filter(|a| a.recovered_at.is_none()) {
        *firing.entry(alert.kind).or_default() += 1;
    }
    let samples: Vec<_> = firing.iter().map(|(kind, n)| ([("alert", kind.as_str())], *n as f64)).collect();
    snapshot.add("outflow_alerts_firing", samples.iter().map(|(l, n)| (&l[..], *n)));
    Ok(())
}

fn one(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}
