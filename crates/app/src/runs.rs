//! Lists runs, the newest first.

use outflow_core::ports::state::RunFilter;
use outflow_core::{BoxFuture, Clock as _, Error, RunId, RunState, SystemClock, Timestamp};
use outflow_engine::serve::skip_advice;
use outflow_engine::{Errors, RunListEntry, RunPages, RunReader};

use crate::App;
use crate::look::{self, RunName};

/// Which runs. All conditions hold.
#[derive(Clone, Debug, Default)]
pub struct RunsRequest {
    /// Of this sync alone.
    pub sync: Option<String>,
    /// In one of these states; empty: in any.
    pub states: Vec<RunState>,
    /// Of this kind ([`RunKind::NAMES`](outflow_core::run::RunKind::NAMES)).
    pub kind: Option<String>,
    /// That began at this time or later.
    pub since: Option<Timestamp>,
    /// That began before this time.
    pub until: Option<Timestamp>,
    /// Those before this run, which have smaller numbers.
    pub before: Option<RunId>,
    /// How many; 0 for all.
    pub limit: u64,
}

impl RunsRequest {
    fn filter(&self) -> RunFilter {
        let Self { sync, states, kind, since, until, before, limit } = self.clone();
        RunFilter { sync, states, kind, since, until, before, limit }
    }
}

/// Some runs.
#[derive(Debug)]
pub struct RunPage {
    /// The runs, the newest first.
    pub runs: Vec<RunListEntry>,
    /// The next page has those before this one; `None`: there are no more.
    pub next: Option<RunId>,
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
            let RunsRequest { sync, limit, .. } = request.clone();
            let reader = self.reader().await?;
            if let Some(name) = &sync
                && reader.state.runs(&RunFilter::newest(Some(name), 1)).await?.is_empty()
            {
                self.known(name).await?;
            }
            let pages = RunPages::new(reader.state.clone(), request.filter());
            Ok(RunList { reader, pages, sync, left: if limit == 0 { u64::MAX } else { limit } })
        })
    }

    /// A page of runs, the newest first.
    ///
    /// # Errors
    /// As for [`App::runs`].
    pub fn runs_page<'a>(&'a self, request: &'a RunsRequest) -> BoxFuture<'a, Result<RunPage, Errors>> {
        Box::pin(async move {
            let state = self.reader().await?.state;
            // One more says whether there are more.
            let filter = RunFilter { limit: request.limit.saturating_add(1), ..request.filter() };
            let mut found = state.listed_runs(&filter).await?;
            if let (Some(name), None, true) = (&request.sync, request.before, found.is_empty()) {
                self.known(name).await?;
            }
            let most = usize::try_from(request.limit).unwrap_or(usize::MAX);
            let is_last = found.len() <= most;
            found.truncate(most);
            let next = found.last().filter(|_| !is_last).map(|run| run.record.id);
            Ok(RunPage { runs: found.into_iter().map(RunListEntry::from).collect(), next })
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
        match self.look_at_project().await {
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
        let entries: Vec<RunListEntry> =
            self.pages.next_listed(self.left).await?.into_iter().map(RunListEntry::from).collect();
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
