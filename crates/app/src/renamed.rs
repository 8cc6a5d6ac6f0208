//! New syncs that look renamed: another one with the same query ran until now, and the project has
//! it no more.
//!
//! What always holds: it only reads and reports. A sync that has run, or that names the old one in
//! `renamed_from`, is not concerned. What this does not do: take over what the old sync had
//! reached, which `definitions` does.

use std::collections::BTreeMap;

use outflow_core::ports::state::{RunFilter, StateReader};
use outflow_core::{CallType, Code, Error, NextStep, RunRecord, SyncSpec};
use outflow_project::Project;

/// How many runs are looked at for syncs that are gone.
const RUNS: u64 = 1_000;

/// A sync that looks renamed.
pub(crate) struct Renamed {
    pub(crate) sync: String,
    /// What the old one was called.
    from: String,
    call_type: CallType,
}

impl Renamed {
    /// Whether what was sent goes out again under other message ids.
    pub(crate) fn sends_second_ids(&self) -> bool {
        matches!(self.call_type, CallType::Track | CallType::Page | CallType::Screen)
    }

    /// What is said of it (E127).
    pub(crate) fn finding(&self) -> Error {
        let again = match self.sends_second_ids() {
            true => "all its events are sent again, under other message ids",
            false => "everything is sent again",
        };
        Error::new(Code::SyncRenamed, format!("{}; under a new name {again}", self.what())).help(self.cure())
    }

    /// Why its events are not sent without a yes (Q014).
    pub(crate) fn refusal(&self, allowing: NextStep) -> Error {
        let message = format!("{}: its events would go out again under other message ids", self.what());
        Error::new(Code::SecondIds, message).help(self.cure()).next_step(allowing)
    }

    fn what(&self) -> String {
        let Self { sync, from, .. } = self;
        format!("{sync} has never run, and has the query of {from}, which ran and is gone from the project")
    }

    fn cure(&self) -> String {
        let Self { sync, from, .. } = self;
        format!(
            "if {from} was renamed, write `renamed_from: {from}` into {sync}: then it goes on where {from} was, and \
             events keep their ids"
        )
    }
}

/// The syncs of the project that look renamed.
pub(crate) async fn of(state: &dyn StateReader, project: &Project) -> Result<Vec<Renamed>, Error> {
    let mut found = Vec::new();
    let mut gone = None;
    // One that says where it comes from goes on from there once the state is taken.
    let is_known = |spec: &SyncSpec| project.renames.iter().any(|(sync, _)| *sync == spec.name);
    for spec in project.syncs.iter().filter(|spec| !is_known(spec)) {
        let filter = RunFilter::newest(Some(&spec.name), 1);
        if !state.runs(&filter).await?.is_empty() {
            continue;
        }
        if gone.is_none() {
            gone = Some(last_runs_of_gone(state, project).await?);
        }
        let same = gone.iter().flatten().find(|run| is_same(spec, run));
        found.extend(same.map(|run| Renamed {
            sync: spec.name.clone(),
            from: run.sync.clone(),
            call_type: spec.call_type,
        }));
    }
    Ok(found)
}

/// The last run of each sync that the project no longer has.
pub(crate) async fn last_runs_of_gone(
    state: &dyn StateReader,
    project: &Project,
) -> Result<Vec<RunRecord>, Error> {
    let mut last = BTreeMap::new();
    for run in state.runs(&RunFilter::newest(None, RUNS)).await? {
        if project.syncs.iter().all(|spec| spec.name != run.sync) && run.extracted_at.is_some() {
            last.entry(run.sync.clone()).or_insert(run);
        }
    }
    Ok(last.into_values().collect())
}

/// Whether this run could be one of the sync, but for its name.
fn is_same(spec: &SyncSpec, run: &RunRecord) -> bool {
    let words = |query: &str| query.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    run.call_type == spec.call_type
        && run.spec.source == format!("{}.{}", spec.source, spec.database)
        && words(&run.spec.query) == words(&spec.query)
        && run.spec.ids.key.is_none_or(|key| spec.ids.key != Some(key))
}
