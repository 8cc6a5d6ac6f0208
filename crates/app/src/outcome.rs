//! What came of a sync that was to run.

use outflow_core::{Error, RunId, RunState};
use outflow_engine::{Errors, FORMAT_VERSION, RunDocument};
use serde::{Serialize, Serializer};

/// What came of one sync. It serialises to the run's document, or to one that says why there is
/// none.
pub enum RunOutcome {
    /// It ran.
    Ran(Box<RunDocument>),
    /// It did not run.
    Failed {
        /// The sync.
        sync: String,
        /// Why.
        errors: Errors,
    },
    /// A running `serve` runs it later.
    Queued {
        /// The sync.
        sync: String,
    },
    /// Its slot found it busy, and is recorded as a skipped run.
    Skipped {
        /// The sync.
        sync: String,
        /// The skipped run.
        run: RunId,
    },
}

impl RunOutcome {
    /// The sync.
    pub fn sync(&self) -> &str {
        match self {
            Self::Ran(document) => &document.sync,
            Self::Failed { sync, .. } | Self::Queued { sync } | Self::Skipped { sync, .. } => sync,
        }
    }

    /// The run, if there was one.
    pub fn document(&self) -> Option<&RunDocument> {
        if let Self::Ran(document) = self { Some(document) } else { None }
    }

    /// The run that an earlier process had left unfinished, if it was one.
    pub fn resumed(&self) -> Option<RunId> {
        self.document().and_then(|document| document.resumed.then_some(document.run))
    }

    /// It did not run, for these reasons.
    pub fn failed(sync: String, errors: impl Into<Errors>) -> Self {
        let errors: Errors = errors.into();
        let errors = errors.0.into_iter().map(|error| of_sync(&sync, error)).collect();
        Self::Failed { sync, errors: Errors(errors) }
    }
}

/// The error with the sync at the beginning of its place.
pub(crate) fn of_sync(sync: &str, error: Error) -> Error {
    let place = match error.place() {
        Some(place) if place == format!("sync {sync}") || place.starts_with(&format!("sync {sync}: ")) => {
            return error;
        }
        Some(place) => format!("sync {sync}: {place}"),
        None => format!("sync {sync}"),
    };
    error.at(place)
}

/// The document of a sync without a run.
#[derive(Serialize)]
struct NoRun<'a> {
    format_version: u32,
    sync: &'a str,
    state: RunState,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a [Error]>,
}

impl Serialize for RunOutcome {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let (state, errors) = match self {
            Self::Ran(document) => return document.serialize(s),
            Self::Failed { errors, .. } => (RunState::Failed, Some(&errors.0[..])),
            Self::Queued { .. } => (RunState::Queued, None),
            Self::Skipped { .. } => (RunState::Skipped, None),
        };
        NoRun { format_version: FORMAT_VERSION, sync: self.sync(), state, errors }.serialize(s)
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::{Code, NextStep};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_error_of_a_sync_names_it() {
        let error = |place: Option<&str>| {
            let error = Error::new(Code::SyntaxError, "x");
            place.map_or_else(|| Error::new(Code::SyntaxError, "x"), |place| error.at(place))
        };
        for (place, want) in [
            (None, "sync users"),
            (Some("line 2, column 3 of the query"), "sync users: line 2, column 3 of the query"),
            (Some("sync users"), "sync users"),
            (Some("sync users: line 1"), "sync users: line 1"),
        ] {
            let failed = RunOutcome::failed("users".to_owned(), error(place));
            let RunOutcome::Failed { errors, .. } = failed else { panic!() };
            assert_eq!(errors.0[0].place(), Some(want));
        }
    }

    #[test]
    fn a_sync_without_a_run_has_a_document_too() {
        let error = Error::new(Code::RunInProgress, "run 3 of users is delivering")
            .at("sync users")
            .help("replay when it is finished")
            .next_step(NextStep::Run { sync: "users".to_owned() })
            .caused_by("an inner cause");
        let failed = RunOutcome::failed("users".to_owned(), error);
        let expected = json!({
            "format_version": 3, "sync": "users", "state": "failed",
            "errors": [{
                "code": Code::RunInProgress, "message": "run 3 of users is delivering", "place": "sync users",
                "help": "replay when it is finished", "next": [{ "run": { "sync": "users" } }],
            }],
        });
        assert_eq!(serde_json::to_value(&failed).unwrap(), expected);
        let queued = RunOutcome::Queued { sync: "users".to_owned() };
        let expected = json!({ "format_version": 3, "sync": "users", "state": "queued" });
        assert_eq!(serde_json::to_value(&queued).unwrap(), expected);
        assert_eq!((queued.sync(), queued.resumed(), queued.document().is_none()), ("users", None, true));
    }
}
