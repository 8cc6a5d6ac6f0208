//! `outflow validate`: every problem of a project's files, and on request what its databases say.

use std::collections::HashSet;

use outflow_core::SyncSpec;
use outflow_core::ports::warehouse::Expected;
use outflow_engine::Errors;
use outflow_engine::authoring::advise::{self, Depth};
use serde_json::{Value, json};

use super::findings::{Finding, subject};
use crate::cli::{Common, Validate};
use crate::exit::Exit;
use crate::output::{Printer, count};
use crate::wiring;
use outflow_project::Project;

/// What was found, and what the databases expect.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    expected: Vec<Rows>,
}

/// What a sync's database expects of its first run and of later ones.
type Rows = (String, Option<Expected>, Option<Expected>);

/// Prints the problems, the warnings and the notes. Without `--connect` nothing is connected to.
pub async fn validate(common: &Common, args: &Validate, printer: Printer) -> Result<Exit, Errors> {
    let mut found = Found::default();
    let mut counts = None;
    match Project::load(&common.project) {
        Err(errors) => found.findings.extend(errors.into_iter().map(Finding::from)),
        Ok(project) => {
            if let Err(errors) = wiring::destinations(&project) {
                found.findings.extend(errors.into_iter().map(Finding::from));
            }
            found.look_at(&project, args.connect).await;
            counts = Some((project.databases.len(), project.destinations.len(), project.syncs.len()));
        }
    }
    let wrong = found.findings.iter().filter(|f| f.is_error()).count();
    let list: Vec<Value> = found.findings.iter().map(Finding::document).collect();
    let expected: Vec<Value> = found.expected.iter().map(expected_document).collect();
    if printer.is_ndjson() {
        list.iter().chain(&expected).for_each(|f| printer.document(f, |_| String::new()));
    } else {
        if printer.is_table() {
            found.findings.iter().for_each(|f| f.print(printer));
            found.expected.iter().filter_map(expected_line).for_each(|line| printer.say(&line));
        }
        let mut document = json!({ "format_version": 1, "valid": wrong == 0, "findings": list });
        if args.connect {
            document["syncs"] = json!(expected);
        }
        printer.document(&document, |_| match (wrong, counts) {
            (0, Some((databases, destinations, syncs))) => {
                format!("valid: {databases} databases, {destinations} destinations, {syncs} syncs\n")
            }
            _ => format!("{wrong} problems\n"),
        });
    }
    Ok(found.findings.iter().map(Finding::exit).fold(Exit::Done, Exit::or))
}

impl Found {
    async fn look_at(&mut self, project: &Project, connect: bool) {
        // A database that did not answer is not asked again.
        let mut silent = HashSet::new();
        for spec in &project.syncs {
            let database = (&spec.source, &spec.database);
            match wiring::warehouse(project, spec) {
                Ok(warehouse) if connect && !silent.contains(&database) => {
                    let asked =
                        advise::ask(subject(project, spec), warehouse.as_ref(), Depth::Everything).await;
                    match asked {
                        Ok(advice) => {
                            self.expected.push((spec.name.clone(), advice.first_run, advice.later_run));
                            self.findings.extend(Finding::of_advice(spec, advice));
                            continue;
                        }
                        Err(errors) => {
                            self.findings.extend(errors.0.into_iter().map(|e| Finding::of_sync(spec, e)));
                            silent.insert(database);
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => self.findings.push(error.into()),
            }
            self.look_offline(project, spec);
        }
    }

    fn look_offline(&mut self, project: &Project, spec: &SyncSpec) {
        // A text that is refused has been told of.
        if let Ok(advice) = advise::look(subject(project, spec)) {
            self.findings.extend(Finding::of_advice(spec, advice));
        }
    }
}

fn expected_document((sync, first, later): &Rows) -> Value {
    let rows = |e: &Option<Expected>| e.map(|e| json!({ "rows": e.rows, "width": e.width }));
    json!({ "sync": sync, "expected": { "first_run": rows(first), "later_run": rows(later) } })
}

fn expected_line((sync, first, later): &Rows) -> Option<String> {
    let first = first.as_ref()?;
    let mut line = format!(
        "sync {sync}: the database expects {} rows of {} bytes in a first run",
        count(first.rows),
        first.width
    );
    if let Some(later) = later {
        line += &format!(", {} in a later one", count(later.rows));
    }
    Some(line)
}
