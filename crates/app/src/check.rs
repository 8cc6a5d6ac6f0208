//! One step of a connection test, as a document.

use std::borrow::Cow;
use std::time::Duration;

use outflow_core::Error;
use outflow_core::ports::check::Check;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One step of a test.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CheckDocument {
    /// What was checked.
    pub step: Cow<'static, str>,
    /// `ok`, `warning` or `failed`.
    pub outcome: Cow<'static, str>,
    /// What was found, in a few words.
    pub summary: String,
    /// How long it took.
    pub seconds: f64,
    #[schema(value_type = BTreeMap<String, Value>)]
    details: Map<String, Value>,
    /// What is wrong.
    pub problems: Vec<Error>,
}

impl CheckDocument {
    /// A step with what is wrong with it.
    pub(crate) fn new(
        step: &'static str,
        summary: String,
        problems: Vec<Error>,
        took: Duration,
        details: Map<String, Value>,
    ) -> Self {
        let outcome = match problems.as_slice() {
            [] => "ok",
            problems if problems.iter().all(|e| e.code().is_warning()) => "warning",
            _ => "failed",
        };
        Self {
            step: step.into(),
            outcome: outcome.into(),
            summary,
            seconds: took.as_secs_f64(),
            details,
            problems,
        }
    }

    /// Whether the step found an error.
    pub(crate) fn has_failed(&self) -> bool {
        self.outcome == "failed"
    }
}

impl From<Check> for CheckDocument {
    fn from(check: Check) -> Self {
        let details = check.details.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self::new(check.step.name(), check.summary, check.problems, check.took, details)
    }
}
