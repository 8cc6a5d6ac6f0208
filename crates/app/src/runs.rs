//! Lists runs, the newest first.

use outflow_core::ports::state::RunFilter;
use outflow_core::{Clock as _, Error, SystemClock};
use outflow_engine::serve::skip_advice;
use outflow_engine::{Errors, RunListEntry};
use serde::Serialize;

use crate::App;

/// Which runs.
#[derive(Clone, Debug, Default)]
pub struct RunsRequest {
    /// Of this sync alone.
    pub sync: Option<String>,
    /// How many; 0 for all.
    pub limit: u64,
}

/// Runs.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct RunList {
    /// The runs.
    pub entries: Vec<RunListEntry>,
    /// What is to be said of syncs that skip often.
    #[serde(skip)]
    pub warnings: Vec<Error>,
}

impl App {
    /// Lists runs.
    ///
    /// # Errors
    /// C011 for a sync that the project does not have and that has never run.
    pub async fn runs(&self, request: &RunsRequest) -> Result<RunList, Errors> {
        let RunsRequest { sync, limit } = request.clone();
        let (state, mut entries) = (self.reader().await?.state, Vec::new());
        for record in state.runs(&RunFilter { sync: sync.clone(), limit }).await? {
            let (deliveries, audit) = (state.deliveries(record.id).await?, state.audit(record.id).await?);
            entries.push(RunListEntry::of(&record, deliveries, audit));
        }
        let warnings = skip_advice::warnings(&*state, sync.as_deref(), SystemClock.now()).await?;
        let list = RunList { entries, warnings };
        if let (Some(name), true) = (&request.sync, list.entries.is_empty()) {
            self.known(name)?;
        }
        Ok(list)
    }

    /// A sync that has never run is one of the project's, or a slip.
    fn known(&self, sync: &str) -> Result<(), Errors> {
        // A project that cannot be read says nothing about names.
        match self.load_without_secrets() {
            Ok(project) => Ok(project.sync(sync).map(drop)?),
            Err(_) => Ok(()),
        }
    }
}
