//! Lists runs, the newest first.

use outflow_core::ports::state::{RunFilter, StateReader};
use outflow_core::{BoxFuture, Clock as _, Error, RunId, RunRecord, RunState, SystemClock, Timestamp};
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
        let Self { sync, states, since, until, before, limit, .. } = self.clone();
        RunFilter { sync, states, since, until, before, limit }
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

/// A page looks at no more runs than this for those of a kind.
const LOOKED_AT: u64 = 5_000;

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

    /// A page of runs, the newest first. For a kind that few runs have, it can have fewer than
    /// there are to come.
    ///
    /// # Errors
    /// As for [`App::runs`].
    pub fn runs_page<'a>(&'a self, request: &'a RunsRequest) -> BoxFuture<'a, Result<RunPage, Errors>> {
        Box::pin(async move {
            let state = self.reader().await?.state;
            let most = usize::try_from(request.limit).unwrap_or(usize::MAX);
            let is_meant = |run: &RunRecord| {
                request.kind.as_ref().is_none_or(|kind| run.spec.options.kind.name() == kind)
            };
            let (mut filter, mut looked_at, mut found) = (request.filter(), 0_u64, Vec::new());
            // One more says whether there are more.
            filter.limit = request.limit.saturating_add(1);
            loop {
                let page = state.runs(&filter).await?;
                let is_last = (page.len() as u64) < filter.limit;
                looked_at = looked_at.saturating_add(page.len() as u64);
                filter.before = page.last().map(|run| run.id).or(filter.before);
                found.extend(page.into_iter().filter(is_meant));
                if is_last || found.len() > most || looked_at >= LOOKED_AT {
                    let next = match found.len() > most {
                        true => found.get(most.saturating_sub(1)).map(|run| run.id),
                        false => filter.before.filter(|_| !is_last),
                    };
                    found.truncate(most);
                    return self.entries(&*state, request, found, next).await;
                }
            }
        })
    }

    async fn entries(
        &self,
        state: &dyn StateReader,
        request: &RunsRequest,
        found: Vec<RunRecord>,
        next: Option<RunId>,
    ) -> Result<RunPage, Errors> {
        if let (Some(name), None, true) = (&request.sync, request.before, found.is_empty()) {
            self.known(name).await?;
        }
        let mut runs = Vec::new();
        for record in found {
            let (deliveries, audit) = (state.deliveries(record.id).await?, state.audit(record.id).await?);
            runs.push(RunListEntry::of(&record, deliveries, audit));
        }
        Ok(RunPage { runs, next })
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
