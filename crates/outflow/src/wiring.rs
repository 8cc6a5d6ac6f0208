//! Putting the parts together: from a project to warehouses, destinations and an engine. The only place that knows every adapter.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use outflow_core::ports::destination::Destination;
use outflow_core::ports::state::State;
use outflow_core::ports::warehouse::Warehouse;
use outflow_core::{Code, Error, SyncSpec, SystemClock};
use outflow_destinations as destinations;
use outflow_egress::{Client, ClientOptions};
use outflow_engine::Engine;
use outflow_engine::extract::guard::Budgets;
use outflow_engine::serve::{Limits, RuntimeConfig, SyncRuntime};
use outflow_spool::{DiskBaseline, DiskSpool};
use outflow_state::SqliteState;
use outflow_warehouse::Aws;
use tokio::sync::watch;

use crate::cli::Common;
use crate::project::{Database, Project};

/// Free space that the spool leaves alone, if the project does not say: 1 GiB.
const DISK_RESERVE: u64 = 1 << 30;

/// Where the state lives.
pub fn state_dir(common: &Common) -> PathBuf {
    common.state.clone().unwrap_or_else(|| common.project.join(".outflow"))
}

/// Every destination of a project. All problems of all of them come back.
pub fn destinations(project: &Project) -> Result<HashMap<String, Arc<dyn Destination>>, Vec<Error>> {
    let client = Client::new(&ClientOptions::default()).map_err(|e| vec![e])?;
    let (mut built, mut errors) = (HashMap::new(), Vec::new());
    for config in &project.destinations {
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
pub fn warehouse(project: &Project, spec: &SyncSpec) -> Result<Arc<dyn Warehouse>, Error> {
    let database = project.database(&spec.source, &spec.database).ok_or_else(|| {
        Error::new(
            Code::UnknownReference,
            format!("sync {:?} reads {}.{}, which does not exist", spec.name, spec.source, spec.database),
        )
    })?;
    open(database)
}

/// A database, not connected to yet.
pub fn open(database: &Database) -> Result<Arc<dyn Warehouse>, Error> {
    database.settings.open(&AWS)
}

/// One for the process: all syncs of a database share the credentials that AWS gave for it.
static AWS: LazyLock<Aws> =
    LazyLock::new(|| Aws::new(|name| std::env::var(name).ok(), Arc::new(SystemClock)));

/// The folders of calls and of their hashes, on a disk of which `reserve` bytes stay free.
fn files(common: &Common, reserve: u64) -> Result<(DiskSpool, DiskBaseline), Error> {
    let state = state_dir(common);
    let spool = DiskSpool::open(&state.join("spool"), reserve)?;
    Ok((spool, DiskBaseline::open(&state.join("baseline"), reserve)?))
}

/// An engine that holds the state for writing.
pub fn engine(
    common: &Common,
    project: &Project,
    state: Arc<dyn State>,
    stop: watch::Receiver<bool>,
) -> Result<Engine, Vec<Error>> {
    let reserve = project.disk_reserve_bytes.unwrap_or(DISK_RESERVE);
    let (spool, baseline) = files(common, reserve).map_err(|e| vec![e])?;
    Ok(Engine {
        state,
        spool: Arc::new(spool),
        baseline: Arc::new(baseline),
        clock: Arc::new(SystemClock),
        destinations: destinations(project)?,
        limiters: Arc::default(),
        budgets: budgets(project),
        stop,
    })
}

/// What may be sent to each destination.
pub fn budgets(project: &Project) -> Arc<Budgets> {
    let limited = project.destinations.iter().filter(|d| !d.budget.is_unlimited());
    Arc::new(limited.map(|d| (d.name.clone(), d.budget)).collect())
}

/// What `serve` keeps running, on this engine. All problems come back, also those of syncs.
pub fn config(project: &Project, engine: Engine) -> Result<RuntimeConfig, Vec<Error>> {
    let (mut members, mut errors) = (Vec::new(), Vec::new());
    for spec in &project.syncs {
        match warehouse(project, spec) {
            Ok(warehouse) => members.push(SyncRuntime { spec: spec.clone(), warehouse }),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let skips = project.destinations.iter().filter(|d| d.skips).map(|d| d.name.clone()).collect();
    let limits = Limits { skips, ..project.limits.clone() };
    Ok(RuntimeConfig { engine, members, limits, keep: project.keep, rules: project.rules.clone() })
}

/// An engine that only looks: it needs no project, holds nothing and sends nothing.
pub fn reader(common: &Common) -> Result<Engine, Error> {
    keeper(common, Arc::new(SqliteState::open_read_only(&state_dir(common))?))
}

/// An engine for what is kept: it needs no project and sends nothing.
pub fn keeper(common: &Common, state: Arc<dyn State>) -> Result<Engine, Error> {
    let (spool, baseline) = files(common, 0)?;
    let (_, stop) = watch::channel(false);
    let destinations = HashMap::new();
    Ok(Engine {
        state,
        spool: Arc::new(spool),
        baseline: Arc::new(baseline),
        clock: Arc::new(SystemClock),
        destinations,
        limiters: Arc::default(),
        budgets: Arc::default(),
        stop,
    })
}
