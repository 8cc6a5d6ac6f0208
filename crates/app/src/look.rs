//! Finding the run that is meant.

use outflow_core::ports::state::RunFilter;
use outflow_core::{Code, Error, NextStep, RunId, RunRecord};
use outflow_engine::RunReader;

/// Which run is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunName {
    /// The latest run of all syncs.
    #[default]
    Latest,
    /// The run of this number.
    Number(RunId),
    /// The latest run of this sync.
    LatestOf(String),
}

impl RunName {
    /// A number means a run; any other text means a sync.
    pub fn parse(text: Option<&str>) -> Self {
        match text.map(|text| (text, text.parse::<u64>())) {
            None => Self::Latest,
            Some((_, Ok(number))) => Self::Number(RunId(number)),
            Some((sync, Err(_))) => Self::LatestOf(sync.to_owned()),
        }
    }
}

/// The run that is meant. C011 if there is none.
pub(crate) async fn run(reader: &RunReader, name: &RunName) -> Result<RunRecord, Error> {
    let (sync, missing) = match name {
        RunName::Number(run) => return reader.state.run(*run).await?.ok_or_else(|| unknown(*run)),
        RunName::Latest => (None, "nothing has run yet".to_owned()),
        RunName::LatestOf(sync) => (Some(sync.clone()), format!("no sync named {sync:?} has run yet")),
    };
    let latest = reader.state.runs(&RunFilter { sync, limit: 1 }).await?.into_iter().next();
    latest.ok_or_else(|| Error::new(Code::NoSuchSyncOrRun, missing).next_step(NextStep::ListRuns))
}

/// There is no run of this number.
pub(crate) fn unknown(run: RunId) -> Error {
    Error::new(Code::NoSuchSyncOrRun, format!("there is no run {run}")).next_step(NextStep::ListRuns)
}
