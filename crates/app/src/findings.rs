//! Findings about a project and its queries.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use outflow_core::ports::destination::Destination;
use outflow_core::{Code, Error, Severity, SyncSpec};
use outflow_engine::authoring::advise::{self, Advice};
use outflow_engine::authoring::subject::{Destinations, Subject};
use outflow_project::Project;
use outflow_query::lint;
use serde::{Deserialize, Serialize};

use crate::leftovers::Leftover;
use crate::outcome::of_sync;
use crate::wiring;

/// A problem, a warning or a note.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// The problem.
    #[serde(flatten)]
    pub error: Error,
    severity: Cow<'static, str>,
    /// The sync that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<String>,
    #[serde(flatten)]
    #[schema(value_type = WithinSchema)]
    within: Option<Within>,
}

/// The place in the query and the fix.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Within {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix>,
}

/// [`Within`] as the description of the API has it: a finding that is not about a place in a query
/// has none of these keys.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "a description alone")]
struct WithinSchema {
    #[schema(required = false)]
    line: usize,
    #[schema(required = false)]
    column: usize,
    #[schema(required = false)]
    end_line: usize,
    #[schema(required = false)]
    end_column: usize,
    #[schema(required = false)]
    fix: Fix,
}

/// A change of the query's text: these bytes become the replacement.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Fix {
    start: usize,
    end: usize,
    replacement: String,
}

impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        let place = error.text_place().cloned();
        let within = place.as_ref().map(|place| Within {
            line: place.start.0,
            column: place.start.1,
            end_line: place.end.0,
            end_column: place.end.1,
            fix: place.fix.clone().map(|(start, end, replacement)| Fix { start, end, replacement }),
        });
        let sync = place.and_then(|place| place.sync);
        Self { severity: error.code().severity().name().into(), error, sync, within }
    }
}

impl Finding {
    /// A finding about a sync as a whole.
    pub(crate) fn of_sync(spec: &SyncSpec, error: Error) -> Self {
        Self { sync: Some(spec.name.clone()), ..Self::from(of_sync(&spec.name, error)) }
    }

    /// A finding about what waits for something that is gone.
    pub(crate) fn of_leftover(leftover: Leftover) -> Self {
        Self { sync: Some(leftover.sync), ..Self::from(leftover.finding) }
    }

    fn of_query(spec: &SyncSpec, finding: lint::Finding) -> Self {
        let lint::Span { line, column, end_line, end_column } = finding.span(&spec.query);
        let fix = finding.fix.clone().map(|f| Fix { start: f.start, end: f.end, replacement: f.replacement });
        let within = Some(Within { line, column, end_line, end_column, fix });
        Self { within, ..Self::of_sync(spec, finding.to_error(&spec.query)) }
    }

    /// All findings of an advice about a sync.
    pub(crate) fn of_advice(spec: &SyncSpec, advice: Advice) -> Vec<Self> {
        let findings = advice.findings.into_iter().map(|f| Self::of_query(spec, f));
        findings.chain(advice.problems.into_iter().map(|e| Self::of_sync(spec, e))).collect()
    }

    /// Whether it keeps the sync from running.
    pub fn is_error(&self) -> bool {
        self.code().severity() == Severity::Error
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.error.code()
    }
}

/// Puts what keeps a sync from running first, then warnings, then notes; each in the order in which
/// they were found, which is that of the files. Q126 goes before what the server says of the same
/// text: it has the cure.
pub fn sort(findings: &mut [Finding]) {
    let refused = |f: &Finding| matches!(f.code(), Code::SyntaxError | Code::DatabaseError);
    let is_refused = findings.iter().any(refused);
    findings.sort_by_key(|finding| match finding.code().severity() {
        _ if is_refused && finding.code() == Code::SyntaxUnsupported => 0,
        Severity::Error if is_refused => 1,
        Severity::Error => 0,
        Severity::Warning => 2,
        Severity::Note => 3,
    });
}

/// What a sync's query says of itself: no database is asked.
pub(crate) fn offline(project: &Project, sync: &str) -> Vec<Finding> {
    let Ok(spec) = project.sync(sync) else { return Vec::new() };
    let going = destinations(&wiring::destinations(project).unwrap_or_default(), spec);
    match advise::look(subject(project, spec, &going)) {
        Ok(advice) => Finding::of_advice(spec, advice),
        Err(_) => Vec::new(),
    }
}

/// The destinations of a sync, of those that could be made.
pub(crate) fn destinations(
    all: &HashMap<String, Arc<dyn Destination>>,
    spec: &SyncSpec,
) -> Vec<(String, Arc<dyn Destination>)> {
    let connections = spec.connections.iter();
    connections.filter_map(|c| Some((c.destination.clone(), all.get(&c.destination)?.clone()))).collect()
}

/// A sync with what the project says about its destinations.
pub(crate) fn subject<'a>(
    project: &Project,
    spec: &'a SyncSpec,
    destinations: &'a Destinations,
) -> Subject<'a> {
    let goes_to = |name: &str| spec.connections.iter().any(|c| c.destination == name);
    let customer_io =
        project.destinations.iter().any(|d| d.kind.starts_with("customerio") && goes_to(&d.name));
    Subject { spec, customer_io, destinations }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cure_goes_before_what_the_server_says() {
        let sorted = |codes: &[Code]| {
            let mut findings: Vec<Finding> = codes.iter().map(|code| Error::new(*code, "x").into()).collect();
            sort(&mut findings);
            findings.iter().map(Finding::code).collect::<Vec<_>>()
        };
        let (note, warning) = (Code::UnknownTypeComparedWithNumber, Code::SyntaxUnsupported);
        assert_eq!(sorted(&[note, warning, Code::InvalidValue]), [Code::InvalidValue, warning, note]);
        let refused = [note, Code::SyntaxError, warning];
        assert_eq!(sorted(&refused), [warning, Code::SyntaxError, note]);
    }
}
