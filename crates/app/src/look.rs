//! Finding the run that is meant.

use outflow_core::ports::state::RunFilter;
use outflow_core::{Code, Error, NextStep, RunId, RunRecord};
use outflow_engine::Engine;

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
pub(crate) fn run(engine: &Engine, name: &RunName) -> Result<RunRecord, Error> {
    let latest = |sync| Ok::<_, Error>(engine.state.runs(&RunFilter { sync, limit: 1 })?.into_iter().next());
    let (found, missing) = match name {
        RunName::Latest => (latest(None)?, "nothing has run yet".to_owned()),
        RunName::Number(run) => return engine.state.run(*run)?.ok_or_else(|| unknown(*run)),
        RunName::LatestOf(sync) => {
            (latest(Some(sync.clone()))?, format!("no sync named {sync:?} has run yet"))
        }
    };
    found.ok_or_else(|| Error::new(Code::NoSuchSyncOrRun, missing).next_step(NextStep::ListRuns))
}

/// There is no run of this number.
pub(crate) fn unknown(run: RunId) -> Error {
    Error::new(Code::NoSuchSyncOrRun, format!("there is no run {run}")).next_step(NextStep::ListRuns)
}
