//! Wiring: from a project to warehouses, destinations and an engine. The only place that knows
//! every adapter.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use outflow_core::ports::destination::Destination;
use outflow_core::ports::state::State;
use outflow_core::ports::warehouse::Warehouse;
use outflow_core::{Code, Error, SyncSpec, SystemClock};
use outflow_destinations as destinations;
use outflow_egress::{Client, Proxies};
use outflow_engine::extract::guard::Budgets;
use outflow_engine::serve::{RuntimeConfig, SyncRuntime};
use outflow_engine::{Engine, Paused, RunReader};
use outflow_project::{Database, Environment, Project, ReceiverConfig, StateUrl};
use outflow_spool::{DiskBaseline, DiskSpool, owner};
use outflow_state::Location;
use outflow_telemetry::alerts::{Channel, Receiver};
use outflow_telemetry::log::as_error;
use outflow_warehouse::Aws;
use tokio::sync::watch;
use tracing::warn;

use crate::people::Provider;

/// Free space that the spool leaves alone, if the project does not say: 1 GiB.
const DISK_RESERVE: u64 = 1 << 30;

/// Everyone who receives alerts.
pub(crate) fn receivers(project: &Project) -> Vec<Receiver> {
    let client = client(project);
    let way = |config: &ReceiverConfig| match config.clone() {
        ReceiverConfig::Webhook { url, key } => Channel::Webhook { url, key, client: client.clone() },
        ReceiverConfig::Email { mailer, from, to } => Channel::Email { mailer, from, to },
    };
    project.receivers.iter().map(|config| Receiver::new(way(config))).collect()
}

/// The provider that people sign in with.
pub(crate) fn provider(project: &Project) -> Option<Provider> {
    let settings = project.server.oidc.clone()?;
    Some(Provider::new(settings, client(project)))
}

/// The HTTP client of a project: it goes where the project lets it, through the proxy that its
/// variables name.
fn client(project: &Project) -> Client {
    let (proxies, _) = Proxies::of(&|name| project.environment.get(name));
    Client::usual(project.addresses.clone(), proxies)
}

/// Every destination of a project. All problems of all of them come back.
pub(crate) fn destinations(project: &Project) -> Result<HashMap<String, Arc<dyn Destination>>, Vec<Error>> {
    let client = client(project);
    let (mut built, mut errors) = (HashMap::new(), Vec::new());
    // Those that are not needed may lack their secrets.
    for config in project.destinations.iter().filter(|config| config.is_resolved) {
        match destinations::build(&config.name, &config.kind, &config.settings, &client) {
            Ok(destination) => {
                built.insert(config.name.clone(), destination);
            }
            Err(problems) => errors.extend(problems.into_iter().map(|e| {
                if e.place().is_some() {
                    e
                } else {
                    e.at(format!("{} (destination {})", config.place, config.name))
                }
            })),
        }
    }
    if errors.is_empty() { Ok(built) } else { Err(errors) }
}

/// The database that a sync reads.
pub(crate) fn warehouse(project: &Project, spec: &SyncSpec) -> Result<Arc<dyn Warehouse>, Error> {
    let database = project.database(&spec.source, &spec.database).ok_or_else(|| {
        Error::new(
            Code::UnknownReference,
            format!("sync {:?} reads {}.{}, which does not exist", spec.name, spec.source, spec.database),
        )
    })?;
    open(project, database)
}

/// A database of a project, not connected to yet.
pub(crate) fn open(project: &Project, database: &Database) -> Result<Arc<dyn Warehouse>, Error> {
    database.settings.open(&aws(&project.environment), &project.addresses)
}

/// One for the process, as long as `.env` says the same: all syncs of a database share the
/// credentials that AWS gave for it.
fn aws(environment: &Environment) -> Aws {
    static LAST: Mutex<Option<(Environment, Aws)>> = Mutex::new(None);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, aws)) = last.as_ref()
        && of == environment
    {
        return aws.clone();
    }
    let env = environment.clone();
    let aws = Aws::new(move |name| env.get(name), Arc::new(SystemClock));
    *last = Some((environment.clone(), aws.clone()));
    aws
}

/// The folders of calls and of their hashes, on a disk of which `reserve` bytes stay free. They are
/// those of the state's installation, or are made so.
fn files(dir: &Path, state: &dyn State, reserve: u64) -> Result<(DiskSpool, DiskBaseline), Error> {
    owner::take(&dir.join("spool"), state.installation())?;
    let spool = DiskSpool::open(&dir.join("spool"), reserve)?;
    Ok((spool, DiskBaseline::open(&dir.join("baseline"), reserve)?))
}

/// An engine that holds the state for writing, with what people have paused. A restore that is
/// noticed is logged.
pub(crate) async fn engine(
    dir: &Path,
    project: &Project,
    state: Arc<dyn State>,
    stop: watch::Receiver<bool>,
) -> Result<Engine, Vec<Error>> {
    let reserve = project.disk_reserve_bytes.unwrap_or(DISK_RESERVE);
    let (spool, baseline) = files(dir, &*state, reserve).map_err(|e| vec![e])?;
    let engine = Engine {
        state,
        spool: Arc::new(spool),
        baseline: Arc::new(baseline),
        clock: Arc::new(SystemClock),
        destinations: destinations(project)?,
        paused: Paused::default(),
        limiters: Arc::default(),
        budgets: budgets(project),
        stop,
    };
    if let Some(restored) = engine.look_for_restore().await.map_err(|e| vec![e])? {
        warn!(error = as_error(&restored), "the state was restored");
    }
    let pauses = engine.state.pauses().await.map_err(|e| vec![e])?;
    Ok(engine.with_pauses(&pauses))
}

/// What may be sent to each destination.
pub(crate) fn budgets(project: &Project) -> Arc<Budgets> {
    let limited = project.destinations.iter().filter(|d| !d.budget.is_unlimited());
    Arc::new(limited.map(|d| (d.name.clone(), d.budget)).collect())
}

/// What `serve` keeps running, on this engine. All problems come back, also those of syncs.
pub(crate) fn config(project: &Project, engine: Engine) -> Result<RuntimeConfig, Vec<Error>> {
    let (mut syncs, mut errors) = (Vec::new(), Vec::new());
    for spec in &project.syncs {
        match warehouse(project, spec) {
            Ok(warehouse) => syncs.push(SyncRuntime { spec: spec.clone(), warehouse }),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let limits = project.limits.clone();
    Ok(RuntimeConfig { engine, syncs, limits, keep: project.keep, rules: project.rules.clone() })
}

/// The state that a project names.
pub(crate) fn location(named: &StateUrl) -> Result<Location, Error> {
    Location::parse(named.url.expose()).map_err(|e| e.at(&named.place))
}

/// Reads the state there and the spool in this folder: it needs no project and holds nothing.
pub(crate) async fn reader(location: &Location, dir: &Path) -> Result<RunReader, Error> {
    let state = outflow_state::open(location).reader().await?;
    let spool = dir.join("spool");
    owner::check(&spool, state.installation_id().await?)?;
    let spool = Arc::new(DiskSpool::to_read(&spool));
    let (_, stop) = watch::channel(false);
    Ok(RunReader { state, spool, stop })
}

/// An engine for what is kept: it needs no project and sends nothing.
pub(crate) fn keeper(dir: &Path, state: Arc<dyn State>) -> Result<Engine, Error> {
    let (spool, baseline) = files(dir, &*state, 0)?;
    let (_, stop) = watch::channel(false);
    let destinations = HashMap::new();
    Ok(Engine {
        state,
        spool: Arc::new(spool),
        baseline: Arc::new(baseline),
        clock: Arc::new(SystemClock),
        destinations,
        paused: Paused::default(),
        limiters: Arc::default(),
        budgets: Arc::default(),
        stop,
    })
}
