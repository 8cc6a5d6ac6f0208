//! Findings about a project, as people and programs get them.

use outflow_core::{Code, Error, Severity, SyncSpec};
use outflow_engine::authoring::advise::{Advice, Subject};
use outflow_query::lint;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{Printer, error_document};
use outflow_project::Project;

/// A problem, a warning or a note.
pub struct Finding {
    sync: Option<String>,
    error: Error,
    /// The place in the query and the fix.
    within: Option<(lint::Span, Option<lint::Fix>)>,
}

impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        Self { sync: None, error, within: None }
    }
}

impl Finding {
    /// What is known about a sync as a whole.
    pub fn of_sync(spec: &SyncSpec, error: Error) -> Self {
        let place = match error.place() {
            Some(place) => format!("sync {}: {place}", spec.name),
            None => format!("sync {}", spec.name),
        };
        Self { sync: Some(spec.name.clone()), error: error.at(place), within: None }
    }

    fn of_query(spec: &SyncSpec, finding: lint::Finding) -> Self {
        let within = Some((finding.span(&spec.query), finding.fix.clone()));
        Self { within, ..Self::of_sync(spec, finding.to_error(&spec.query)) }
    }

    /// All that there is to say about a sync.
    pub fn of_advice(spec: &SyncSpec, advice: Advice) -> Vec<Self> {
        let findings = advice.findings.into_iter().map(|f| Self::of_query(spec, f));
        findings.chain(advice.problems.into_iter().map(|e| Self::of_sync(spec, e))).collect()
    }

    /// Whether it cannot go on like this.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.error.code()
    }

    fn severity(&self) -> Severity {
        self.error.code().severity()
    }

    /// What it means for the exit code.
    pub fn exit(&self) -> Exit {
        if self.is_error() { Exit::of(&self.error) } else { Exit::Done }
    }

    /// Prints it for people. Only errors are printed to those who want it quiet.
    pub fn print(&self, printer: Printer) {
        if self.is_error() || !printer.is_quiet() {
            printer.error(&self.error);
        }
    }

    /// The same as a document.
    pub fn document(&self) -> Value {
        let mut document = error_document(&self.error);
        document["severity"] = json!(self.severity().name());
        if let Some(sync) = &self.sync {
            document["sync"] = json!(sync);
        }
        if let Some((span, fix)) = &self.within {
            document["line"] = json!(span.line);
            document["column"] = json!(span.column);
            document["end_line"] = json!(span.end_line);
            document["end_column"] = json!(span.end_column);
            if let Some(fix) = fix {
                document["fix"] =
                    json!({ "start": fix.start, "end": fix.end, "replacement": fix.replacement });
            }
        }
        document
    }

    /// The error as such.
    pub fn into_error(self) -> Error {
        self.error
    }
}

/// A sync with what the project says about its destinations.
pub fn subject<'a>(project: &Project, spec: &'a SyncSpec) -> Subject<'a> {
    let goes_to = |name: &str| spec.connections.iter().any(|c| c.destination == name);
    let customer_io =
        project.destinations.iter().any(|d| d.kind.starts_with("customerio") && goes_to(&d.name));
    Subject { spec, customer_io }
}
