//! Lists runs, the newest first.

use outflow_core::{BoxFuture, Clock as _, Error, RunId, SystemClock};
use outflow_engine::serve::skip_advice;
use outflow_engine::{Errors, RunListEntry, RunPages, RunReader};

use crate::App;
use crate::look::{self, RunName};

/// Which runs.
#[derive(Clone, Debug, Default)]
pub struct RunsRequest {
    /// Of this sync alone.
    pub sync: Option<String>,
    /// How many; 0 for all.
    pub limit: u64,
}

/// Runs, page by page: a history of any length is read in bounded memory.
pub struct RunList {
    reader: RunReader,
    pages: RunPages,
    sync: Option<String>,
    left: u64,
}

impl App {
    /// Lists runs.
    ///
    /// # Errors
    /// C011 for a sync that the project does not have and that has never run.
    pub fn runs<'a>(&'a self, request: &'a RunsRequest) -> BoxFuture<'a, Result<RunList, Errors>> {
        Box::pin(async move {
            let RunsRequest { sync, limit } = request.clone();
            let reader = self.reader().await?;
            if let Some(name) = &sync
                && reader.state.runs_before(Some(name), None, 1).await?.is_empty()
            {
                self.known(name).await?;
            }
            let pages = RunPages::new(reader.state.clone(), sync.as_deref());
            Ok(RunList { reader, pages, sync, left: if limit == 0 { u64::MAX } else { limit } })
        })
    }

    /// Some runs, the newest first: those before run `before`, or the newest ones.
    ///
    /// # Errors
    /// As for [`App::runs`].
    pub fn runs_before<'a>(
        &'a self,
        sync: Option<&'a str>,
        before: Option<RunId>,
        limit: u64,
    ) -> BoxFuture<'a, Result<Vec<RunListEntry>, Errors>> {
        Box::pin(async move {
            let state = self.reader().await?.state;
            let (records, mut entries) = (state.runs_before(sync, before, limit).await?, Vec::new());
            if let (Some(name), None, true) = (sync, before, records.is_empty()) {
                self.known(name).await?;
            }
            for record in records {
                let (deliveries, audit) = (state.deliveries(record.id).await?, state.audit(record.id).await?);
                entries.push(RunListEntry::of(&record, deliveries, audit));
            }
            Ok(entries)
        })
    }

    /// A run as it is now, with what is missing at its destinations.
    ///
    /// # Errors
    /// C011: there is no such run.
    pub fn recorded_run<'a>(&'a self, run: &'a RunName) -> BoxFuture<'a, Result<RunListEntry, Errors>> {
        Box::pin(async move {
            let reader = self.reader().await?;
            let record = look::run(&reader, run).await?;
            let (deliveries, audit) =
                (reader.state.deliveries(record.id).await?, reader.state.audit(record.id).await?);
            let mut entry = RunListEntry::of(&record, deliveries, audit);
            let sends_to = |name: &str| record.spec.connections.iter().any(|c| c.destination == name);
            entry.document.missing = reader.missing(&record.sync).await?;
            entry.document.missing.retain(|missing| sends_to(&missing.destination));
            entry.document = entry.document.with_earlier(&*reader.state).await?;
            Ok(entry)
        })
    }

    /// A sync that has never run is one of the project's, or a slip.
    async fn known(&self, sync: &str) -> Result<(), Errors> {
        // A project that cannot be read says nothing about names.
        match self.load_partly().await {
            Ok(project) => Ok(project.sync(sync).map(drop)?),
            Err(_) => Ok(()),
        }
    }
}

impl RunList {
    /// The next runs; none: there are no more.
    ///
    /// # Errors
    /// What the state says.
    pub async fn next(&mut self) -> Result<Vec<RunListEntry>, Error> {
        let (state, mut entries) = (&self.reader.state, Vec::new());
        for record in self.pages.next(self.left).await? {
            let (deliveries, audit) = (state.deliveries(record.id).await?, state.audit(record.id).await?);
            entries.push(RunListEntry::of(&record, deliveries, audit));
        }
        self.left -= entries.len() as u64;
        Ok(entries)
    }

    /// What is to be said of syncs that skip often.
    ///
    /// # Errors
    /// What the state says.
    pub async fn warnings(&self) -> Result<Vec<Error>, Error> {
        skip_advice::warnings(&*self.reader.state, self.sync.as_deref(), SystemClock.now()).await
    }
}
