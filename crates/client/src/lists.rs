//! Lists that come page by page, as the lists of `App` do: a list of any length takes the memory of
//! one page.

use std::collections::VecDeque;

use outflow_app::{
    AuditDocument, AuditRequest, DeadLetterDocument, DeadLetterSummary, DeadLettersRequest, Errors,
    RejectedRequest, RejectedSummary, Rejection, RunListEntry, RunsRequest,
};
use outflow_core::{Code, Error, RunId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ask::Ask;
use crate::{Answer, Server, answer};

/// A page has no more items than this.
const PAGE: u64 = 500;

/// A page of the API.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// Where a list is.
struct Place {
    left: u64,
    cursor: Option<String>,
    is_over: bool,
}

impl Place {
    /// `limit` 0 means all.
    fn begin(limit: u64) -> Self {
        Self { left: if limit == 0 { u64::MAX } else { limit }, cursor: None, is_over: false }
    }

    /// The parameters of the next page; `None`: there is none.
    fn of<'a>(&self, ask: Ask<'a>) -> Option<Ask<'a>> {
        if self.is_over || self.left == 0 {
            return None;
        }
        Some(ask.with("limit", Some(self.left.min(PAGE))).with("cursor", self.cursor.as_deref()))
    }

    fn take<T>(&mut self, page: Page<T>) -> Vec<T> {
        self.is_over = page.next_cursor.is_none();
        self.cursor = page.next_cursor;
        let mut items = page.items;
        items.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left = self.left.saturating_sub(items.len() as u64);
        items
    }

    /// The next items of a list; none: there are no more. A page may be empty, and not the last.
    async fn next<'a, T: DeserializeOwned>(&mut self, ask: impl Fn() -> Ask<'a>) -> Result<Vec<T>, Errors> {
        while let Some(ask) = self.of(ask()) {
            let items = self.take(ask.document::<Page<T>>().await?);
            if !items.is_empty() {
                return Ok(items);
            }
        }
        Ok(Vec::new())
    }
}

/// Runs, the newest first.
pub struct Runs {
    server: Server,
    sync: Option<String>,
    place: Place,
    /// The first page, which was read to see whether there is such a sync.
    first: Option<Vec<RunListEntry>>,
}

impl Server {
    /// Lists runs.
    pub fn runs<'a>(&'a self, request: &'a RunsRequest) -> Answer<'a, Runs> {
        Box::pin(async move {
            self.check().await?;
            let (sync, place) = (request.sync.clone(), Place::begin(request.limit));
            let mut runs = Runs { server: self.clone(), sync, place, first: None };
            runs.first = Some(runs.page().await?);
            Ok(runs)
        })
    }

    /// The rejected rows of a run.
    pub fn rejected<'a>(&'a self, request: &'a RejectedRequest) -> Answer<'a, RejectedRows> {
        Box::pin(async move {
            self.check().await?;
            let (run, code) = (self.number(&request.run).await?, request.code);
            let begin: Value = self.rejected_page(run, None).with("limit", Some(1)).document().await?;
            let mut rows = RejectedRows {
                summary: answer::of_value(self, begin.clone())?,
                server: self.clone(),
                run,
                code,
                place: Place::begin(request.limit),
                first: None,
            };
            let page: Page<Rejection> = answer::of_value(self, begin)?;
            // The API does not say so: rows that are no longer kept are on no page.
            let has_none = page.items.is_empty() && page.next_cursor.is_none();
            rows.summary.gone = rows.summary.rejected > 0 && has_none;
            rows.first = Some(rows.page().await?);
            Ok(rows)
        })
    }

    fn rejected_page(&self, run: RunId, code: Option<Code>) -> Ask<'_> {
        self.get(format!("runs/{run}/rejected")).with("code", code)
    }

    /// The dead letters of a run.
    pub fn dead_letters<'a>(&'a self, request: &'a DeadLettersRequest) -> Answer<'a, DeadLetters> {
        Box::pin(async move {
            self.check().await?;
            let run = self.number(&request.run).await?;
            let DeadLettersRequest { destination, limit, code, .. } = request.clone();
            let entry = self.entry_of(run).await?;
            let all = entry.document.destinations.into_iter().map(|(name, _)| name);
            let meant = all.filter(|name| destination.as_ref().is_none_or(|only| only == name));
            let destinations = meant.collect();
            let ask = self.get(format!("runs/{run}/dead-letters")).with("destination", destination);
            let summary = ask.with("limit", Some(1)).document().await?;
            Ok(DeadLetters {
                summary,
                server: self.clone(),
                run,
                code,
                limit,
                destinations,
                place: Place { is_over: true, ..Place::begin(limit) },
                current: String::new(),
                page: VecDeque::new(),
            })
        })
    }

    /// Entries of the audit log, the newest first.
    pub fn audit<'a>(&'a self, request: &'a AuditRequest) -> Answer<'a, AuditEntries> {
        Box::pin(async move {
            self.check().await?;
            let place = Place::begin(request.limit);
            Ok(AuditEntries::Newest { server: self.clone(), request: request.clone(), place })
        })
    }

    /// The whole audit log, the oldest entry first.
    pub fn export_audit<'a>(&'a self) -> Answer<'a, AuditEntries> {
        Box::pin(async move {
            self.check().await?;
            let lines = answer::Lines::of(self, self.get("audit/export").long().open().await?);
            Ok(AuditEntries::Whole(lines))
        })
    }
}

impl Runs {
    async fn page(&mut self) -> Result<Vec<RunListEntry>, Errors> {
        let Self { server, sync, place, .. } = self;
        place.next(|| server.get("runs").with("sync", sync.as_deref())).await
    }

    /// The next runs; none: there are no more.
    ///
    /// # Errors
    /// What the server says.
    pub async fn next(&mut self) -> Result<Vec<RunListEntry>, Error> {
        match self.first.take() {
            Some(first) => Ok(first),
            None => self.page().await.map_err(first_of),
        }
    }
}

/// Rejected rows.
pub struct RejectedRows {
    /// What they have in common.
    pub summary: RejectedSummary,
    server: Server,
    run: RunId,
    code: Option<Code>,
    place: Place,
    first: Option<Vec<Rejection>>,
}

impl RejectedRows {
    async fn page(&mut self) -> Result<Vec<Rejection>, Errors> {
        let Self { server, run, code, place, .. } = self;
        place.next(|| server.rejected_page(*run, *code)).await
    }

    /// The next rows; none: there are no more.
    ///
    /// # Errors
    /// What the server says.
    pub async fn next(&mut self) -> Result<Vec<Rejection>, Error> {
        match self.first.take() {
            Some(first) if !first.is_empty() => Ok(first),
            _ => self.page().await.map_err(first_of),
        }
    }
}

/// Dead letters, one destination after the other.
pub struct DeadLetters {
    /// What they have in common.
    pub summary: DeadLetterSummary,
    server: Server,
    run: RunId,
    code: Option<Code>,
    limit: u64,
    destinations: VecDeque<String>,
    place: Place,
    current: String,
    page: VecDeque<DeadLetterDocument>,
}

impl DeadLetters {
    /// The next dead letter. `None`: there are no more.
    ///
    /// # Errors
    /// What the server says.
    pub async fn next(&mut self) -> Result<Option<DeadLetterDocument>, Error> {
        loop {
            if let Some(letter) = self.page.pop_front() {
                return Ok(Some(letter));
            }
            let Self { server, run, code, place, current, .. } = self;
            let ask = || {
                let ask = server.get(format!("runs/{run}/dead-letters")).with("code", *code);
                ask.with("destination", Some(current.as_str()))
            };
            let page: Vec<_> = place.next(ask).await.map_err(first_of)?;
            if page.is_empty() {
                let Some(next) = self.destinations.pop_front() else { return Ok(None) };
                (self.current, self.place) = (next, Place::begin(self.limit));
            }
            self.page = page.into();
        }
    }
}

/// Entries of the audit log.
pub enum AuditEntries {
    /// Some, the newest first.
    Newest {
        /// The server.
        server: Server,
        /// Which.
        request: AuditRequest,
        #[doc(hidden)]
        #[allow(private_interfaces, reason = "where the list is concerns this file alone")]
        place: Place,
    },
    /// All, the oldest first.
    #[allow(private_interfaces, reason = "how lines are read concerns this crate alone")]
    Whole(answer::Lines),
}

impl AuditEntries {
    /// The next entries; none: there are no more.
    ///
    /// # Errors
    /// What the server says.
    pub async fn next(&mut self) -> Result<Vec<AuditDocument>, Error> {
        match self {
            Self::Newest { server, request, place } => {
                let filter = &request.filter;
                let ask = || {
                    let ask = server.get("audit").with("actor", filter.actor.as_deref());
                    let ask = ask.with("action", filter.action.as_deref());
                    let ask = ask.with("subject", filter.subject.as_deref());
                    ask.with("since", filter.since).with("until", filter.until)
                };
                place.next(ask).await.map_err(first_of)
            }
            Self::Whole(lines) => {
                let line = lines.next::<AuditDocument>().await.map_err(first_of)?;
                Ok(line.into_iter().collect())
            }
        }
    }
}

/// Lists report one error. There always is one.
fn first_of(Errors(errors): Errors) -> Error {
    let none = || Error::new(Code::TaskFailed, "the list ended unexpectedly");
    errors.into_iter().next().unwrap_or_else(none)
}
