//! `outflow validate`: every problem of a project's files.

use outflow_core::{Code, Error};
use outflow_engine::Errors;
use outflow_query::Query;
use serde_json::{Value, json};

use super::run::error_document;
use crate::cli::Common;
use crate::exit::Exit;
use crate::output::Printer;
use crate::project::Project;
use crate::wiring;

/// Prints the problems and the warnings. Nothing is connected to.
pub fn validate(common: &Common, printer: Printer) -> Result<Exit, Errors> {
    let mut findings = Vec::new();
    let mut counts = None;
    match Project::load(&common.project) {
        Err(errors) => findings.extend(errors),
        Ok(project) => {
            if let Err(errors) = wiring::destinations(&project) {
                findings.extend(errors);
            }
            for spec in &project.syncs {
                findings.extend(warnings(spec));
                if let Err(error) = wiring::warehouse(&project, spec) {
                    findings.push(error);
                }
            }
            counts = Some((project.databases.len(), project.destinations.len(), project.syncs.len()));
        }
    }
    let wrong = findings.iter().filter(|f| !f.code().is_warning()).count();
    let list: Vec<Value> = findings.iter().map(error_document).collect();
    if printer.is_ndjson() {
        list.iter().for_each(|f| printer.document(f, |_| String::new()));
    } else {
        if printer.is_table() {
            findings.iter().for_each(|f| printer.error(f));
        }
        printer.document(&json!({ "format_version": 1, "valid": wrong == 0, "findings": list }), |_| match (
            wrong, counts,
        ) {
            (0, Some((databases, destinations, syncs))) => {
                format!("valid: {databases} databases, {destinations} destinations, {syncs} syncs\n")
            }
            _ => format!("{wrong} problems\n"),
        });
    }
    Ok(if wrong == 0 { Exit::Done } else { Exit::Configuration })
}

/// What is allowed but likely not meant.
fn warnings(spec: &outflow_core::SyncSpec) -> Vec<Error> {
    let Ok(query) = Query::parse(&spec.query, spec.dialect) else { return Vec::new() };
    let place = format!("sync {}", spec.name);
    // With no variable in the query there is nothing for a cursor to fill.
    query.warnings().into_iter().filter(|w| w.code() == Code::Q006).map(|w| w.at(place.clone())).collect()
}
