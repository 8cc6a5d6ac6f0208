//! Events that would go out under second ids: said before anything is read or sent.
//!
//! What always holds: where the query's text does not name its columns, the database is asked for
//! them. One that does not answer is an error: nothing is sent on a guess. What this module does
//! not do: ask a person. A front end does, and repeats its request with their answer.

use outflow_core::{Code, Error, NextStep, SyncSpec};
use outflow_engine::Errors;
use outflow_engine::authoring::advise;
use outflow_project::Project;

use crate::wiring;

/// Q014 for each of the syncs whose events would go out under second ids. `allowing` makes of a
/// sync what sends them all the same.
pub(crate) async fn refuse<'a>(
    project: &Project,
    syncs: impl IntoIterator<Item = &'a SyncSpec>,
    allowing: impl Fn(&SyncSpec) -> NextStep,
) -> Result<(), Errors> {
    let mut refused = Vec::new();
    for spec in syncs {
        let warehouse = wiring::warehouse(project, spec)?;
        let found = advise::why_ids_are_of_run_and_row(spec, warehouse.as_ref()).await?;
        let Some(reason) = found else { continue };
        let message = format!(
            "the events of {} would go out under other message ids than in other runs: they are made of run \
             and row, as {reason}",
            spec.name
        );
        refused.push(
            Error::new(Code::SecondIds, message)
                .help("let them be made of the content, or allow it")
                .next_step(allowing(spec)),
        );
    }
    if refused.is_empty() { Ok(()) } else { Err(Errors(refused)) }
}
