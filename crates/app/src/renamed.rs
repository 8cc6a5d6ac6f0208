//! New syncs that look renamed: another one with the same query ran until now, and the project has
//! it no more.
//!
//! What always holds: it only reads and reports. A sync that has run, or that names the old one in
//! `renamed_from`, is not concerned. What this does not do: take over what the old sync had
//! reached, which `definitions` does.

use outflow_core::ports::state::{Overview, StateReader};
use outflow_core::{CallType, Code, Error, NextStep, RunRecord, SyncSpec};
use outflow_project::Project;

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
    among(state, project, &state.overview().await?).await
}

/// As [`of`], of a state whose overview was read before.
pub(crate) async fn among(
    state: &dyn StateReader,
    project: &Project,
    overview: &Overview,
) -> Result<Vec<Renamed>, Error> {
    // One that says where it comes from goes on from there once the state is taken.
    let is_known = |spec: &SyncSpec| project.renames.iter().any(|(sync, _)| *sync == spec.name);
    let has_run = |spec: &SyncSpec| overview.latest.contains_key(&spec.name);
    let new: Vec<&SyncSpec> = project.syncs.iter().filter(|spec| !is_known(spec) && !has_run(spec)).collect();
    let names: Vec<&String> = project.syncs.iter().map(|spec| &spec.name).collect();
    if new.is_empty() || overview.latest.keys().all(|sync| names.contains(&sync)) {
        return Ok(Vec::new());
    }
    let gone = last_runs_of_gone(state, project).await?;
    let renamed = |spec: &SyncSpec| {
        let same = gone.iter().find(|run| is_same(spec, run))?;
        Some(Renamed { sync: spec.name.clone(), from: same.sync.clone(), call_type: spec.call_type })
    };
    Ok(new.into_iter().filter_map(renamed).collect())
}

/// The last run of each sync that the project no longer has.
pub(crate) async fn last_runs_of_gone(
    state: &dyn StateReader,
    project: &Project,
) -> Result<Vec<RunRecord>, Error> {
    let names: Vec<String> = project.syncs.iter().map(|spec| spec.name.clone()).collect();
    state.last_extracted_of_others(&names).await
}

/// Whether this run could be one of the sync, but for its name.
fn is_same(spec: &SyncSpec, run: &RunRecord) -> bool {
    let words = |query: &str| query.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    run.call_type == spec.call_type
        && run.spec.source == format!("{}.{}", spec.source, spec.database)
        && words(&run.spec.query) == words(&spec.query)
        && run.spec.ids.key.is_none_or(|key| spec.ids.key != Some(key))
}
