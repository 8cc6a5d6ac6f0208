//! Finding the run that someone means.

use outflow_core::ports::state::RunFilter;
use outflow_core::{Code, Error, RunId, RunRecord};
use outflow_engine::Engine;

use crate::cli::RunName;

/// A code by its name.
pub fn code(text: &str) -> Result<Code, Error> {
    Code::from_name(text).ok_or_else(|| {
        Error::new(Code::ConflictingOptions, format!("{text:?} is not a code"))
            .help("`outflow explain` lists the codes")
    })
}

/// The run of that number, the latest run of the sync of that name, or the latest of all. C011 if there is none.
pub fn run(engine: &Engine, name: &RunName) -> Result<RunRecord, Error> {
    let none = |what: String| Error::new(Code::NoSuchSyncOrRun, what).help("`outflow runs` lists the runs");
    let latest = |sync: Option<String>| engine.state.runs(&RunFilter { sync, limit: 1 });
    match name.run.as_deref() {
        None => latest(None)?.into_iter().next().ok_or_else(|| none("nothing has run yet".to_owned())),
        Some(text) => match text.parse::<u64>() {
            Ok(number) => {
                engine.state.run(RunId(number))?.ok_or_else(|| none(format!("there is no run {number}")))
            }
            Err(_) => latest(Some(text.to_owned()))?
                .into_iter()
                .next()
                .ok_or_else(|| none(format!("no sync named {text:?} has run yet"))),
        },
    }
}
