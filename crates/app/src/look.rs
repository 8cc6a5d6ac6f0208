//! Finding the run that is meant.

use outflow_core::ports::state::{RunFilter, StateReader};
use outflow_core::{Code, Error, NextStep, RunId, RunRecord, RunState};
use outflow_engine::RunReader;

/// This number of the last runs is looked through for those that await approval.
const SEARCHED: u64 = 1_000;

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
    let latest = reader.state.runs(&RunFilter::newest(sync.as_deref(), 1)).await?.into_iter().next();
    latest.ok_or_else(|| Error::new(Code::NoSuchSyncOrRun, missing).next_step(NextStep::ListRuns))
}

/// The run that is to be approved or rejected: the one of this number, whatever became of it, or
/// the one of a sync that awaits approval. C011 if there is none.
pub(crate) async fn waiting(state: &dyn StateReader, name: &RunName) -> Result<RunRecord, Error> {
    let sync = match name {
        RunName::Number(run) => return state.run(*run).await?.ok_or_else(|| unknown(*run)),
        RunName::LatestOf(sync) => Some(sync),
        RunName::Latest => None,
    };
    let all = state.runs(&RunFilter::newest(None, SEARCHED)).await?;
    let waiting: Vec<RunRecord> =
        all.into_iter().filter(|run| run.state == RunState::AwaitingApproval).collect();
    let others: Vec<String> = waiting.iter().map(|run| format!("run {} of {}", run.id, run.sync)).collect();
    let is_meant = |run: &RunRecord| sync.is_none_or(|sync| *sync == run.sync);
    waiting.into_iter().find(is_meant).ok_or_else(|| {
        let of = sync.map(|sync| format!(" of a sync named {sync:?}")).unwrap_or_default();
        let help = match others.is_empty() {
            true => "none awaits it; write the run's number, or the name of its sync".to_owned(),
            false => {
                format!("write the run's number, or the name of its sync: {} awaits it", others.join(", "))
            }
        };
        Error::new(Code::NoSuchSyncOrRun, format!("no run{of} awaits approval")).help(help)
    })
}

/// There is no run of this number.
pub(crate) fn unknown(run: RunId) -> Error {
    Error::new(Code::NoSuchSyncOrRun, format!("there is no run {run}")).next_step(NextStep::ListRuns)
}
