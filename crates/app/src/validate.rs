//! Every problem of a project's files and queries, and on request what its databases say.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use outflow_core::ports::destination::Destination;
use outflow_core::ports::warehouse::Expected;
use outflow_core::{BoxFuture, Code, Error};
use outflow_engine::FORMAT_VERSION;
use outflow_engine::authoring::advise::{self, Depth};
use outflow_engine::authoring::subject::Subject;
use outflow_project::Project;
use serde::Serialize;

use crate::access::with_grant;
use crate::findings::{self, Finding};
use crate::{App, StateLocation, wiring};
use crate::{leftovers, surroundings};

/// What was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ValidationDocument {
    format_version: u32,
    /// There is no error.
    pub valid: bool,
    /// Problems, warnings and notes.
    pub findings: Vec<Finding>,
    /// The databases' estimates, if they were requested.
    #[serde(rename = "syncs", skip_serializing_if = "Option::is_none")]
    pub expected: Option<Vec<ExpectedRows>>,
    /// How many databases, destinations and syncs the project has, if it can be read.
    #[serde(skip)]
    pub counts: Option<(usize, usize, usize)>,
}

/// What a sync's database expects.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExpectedRows {
    /// The sync.
    pub sync: String,
    /// The runs.
    pub expected: ExpectedRuns,
}

/// What a database expects of the first run and of later ones.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExpectedRuns {
    /// The first run.
    pub first_run: Option<Rows>,
    /// A later run.
    pub later_run: Option<Rows>,
}

/// Rows that a database expects.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub struct Rows {
    /// How many.
    pub rows: u64,
    /// Bytes of one row.
    pub width: u64,
}

impl From<Expected> for Rows {
    fn from(expected: Expected) -> Self {
        Self { rows: expected.rows, width: expected.width.into() }
    }
}

impl App {
    /// Checks the project. Without `connect` no database is connected to.
    pub fn validate<'a>(&'a self, connect: bool) -> BoxFuture<'a, ValidationDocument> {
        Box::pin(async move {
            let mut found = Found::default();
            let mut counts = None;
            match self.load().await {
                Err(errors) => found.findings.extend(errors.0.into_iter().map(Finding::from)),
                Ok(mut project) => {
                    found
                        .findings
                        .extend(std::mem::take(&mut project.warnings).into_iter().map(Finding::from));
                    found.findings.extend(surroundings::warnings(&project).into_iter().map(Finding::from));
                    let destinations = wiring::destinations(&project).unwrap_or_else(|errors| {
                        found.findings.extend(errors.into_iter().map(Finding::from));
                        HashMap::new()
                    });
                    let state = project.state.as_ref().map(wiring::location);
                    found.findings.extend(state.and_then(Result::err).map(Finding::from));
                    found.findings.extend(empty(&project).map(Finding::from));
                    found.look_at(&project, &destinations, connect).await;
                    found.findings.extend(self.left_over(&project, connect).await);
                    counts = Some((project.databases.len(), project.destinations.len(), project.syncs.len()));
                }
            }
            let valid = !found.findings.iter().any(Finding::is_error);
            let Found { mut findings, expected } = found;
            findings::sort(&mut findings);
            let expected = connect.then_some(expected);
            ValidationDocument { format_version: FORMAT_VERSION, valid, findings, expected, counts }
        })
    }
}

impl App {
    /// What waits for things that the project no longer has. A state on a server is asked only with
    /// `connect`, and where nothing has run yet there is nothing to say.
    async fn left_over(&self, project: &Project, connect: bool) -> Vec<Finding> {
        match self.location().await {
            Ok(StateLocation::Folder(_)) => {}
            Ok(StateLocation::Postgres(_)) if connect => {}
            // A URL that is wrong was reported.
            Ok(StateLocation::Postgres(_)) | Err(_) => return Vec::new(),
        }
        let found = async {
            let reader = self.reader().await?;
            leftovers::of(&*reader.state, project).await
        };
        match found.await {
            Ok(found) => found.into_iter().map(Finding::of_leftover).collect(),
            Err(error) if error.code() == Code::StateUnavailable => Vec::new(),
            Err(error) => vec![error.into()],
        }
    }
}

/// A project in which nothing stands.
fn empty(project: &Project) -> Option<Error> {
    if !(project.databases.is_empty() && project.destinations.is_empty() && project.syncs.is_empty()) {
        return None;
    }
    let message = "the project has no sources, no destinations and no syncs";
    let help = "write them into it: `outflow init` writes an example into an empty folder";
    Some(Error::new(Code::MissingKey, message).at(outflow_project::FILE).help(help))
}

#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    expected: Vec<ExpectedRows>,
}

impl Found {
    async fn look_at(
        &mut self,
        project: &Project,
        destinations: &HashMap<String, Arc<dyn Destination>>,
        connect: bool,
    ) {
        // A database that did not answer gets no further request.
        let mut silent = HashSet::new();
        for spec in &project.syncs {
            let database = (&spec.source, &spec.database);
            let going = findings::destinations(destinations, spec);
            let subject = findings::subject(project, spec, &going);
            match wiring::warehouse(project, spec) {
                Ok(warehouse) if connect && !silent.contains(&database) => {
                    match advise::ask(subject, warehouse.as_ref(), Depth::Everything).await {
                        Ok(mut advice) => {
                            if let Some(database) = project.database(&spec.source, &spec.database) {
                                let problems = std::mem::take(&mut advice.problems).into_iter();
                                advice.problems = problems.map(|e| with_grant(e, spec, database)).collect();
                            }
                            let first_run = advice.first_run.map(Rows::from);
                            let later_run = advice.later_run.map(Rows::from);
                            let expected = ExpectedRuns { first_run, later_run };
                            self.expected.push(ExpectedRows { sync: spec.name.clone(), expected });
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
            self.look_offline(subject);
        }
    }

    fn look_offline(&mut self, subject: Subject<'_>) {
        // The project's own check has reported a text that is refused.
        if let Ok(advice) = advise::look(subject) {
            self.findings.extend(Finding::of_advice(subject.spec, advice));
        }
    }
}
