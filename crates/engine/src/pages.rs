//! Runs and dead letters, page by page.
//!
//! What always holds: a history or a list of any length is read in bounded memory, one page at a
//! time. A run that begins meanwhile is left out; none comes twice.

use std::sync::Arc;

use outflow_core::ports::state::{DeadLetter, ListedRun, RunFilter, StateReader};
use outflow_core::{Result, RunId, RunRecord};

/// How many runs are read at a time. A record has the text of its query.
const RUNS: u64 = 1_000;
/// How many dead letters are read at a time. Each may have a kilobyte of a destination's answer.
const LETTERS: u64 = 2_000;

/// Runs, newest first.
pub struct RunPages {
    state: Arc<dyn StateReader>,
    filter: RunFilter,
}

impl RunPages {
    /// The runs that are meant. The filter's limit does not count.
    pub fn new(state: Arc<dyn StateReader>, filter: RunFilter) -> Self {
        Self { state, filter }
    }

    /// The next runs, at most `most` of them; none: there are no more.
    ///
    /// # Errors
    /// What the state says.
    pub async fn next(&mut self, most: u64) -> Result<Vec<RunRecord>> {
        self.filter.limit = most.min(RUNS);
        if self.filter.limit == 0 {
            return Ok(Vec::new());
        }
        let page = self.state.runs(&self.filter).await?;
        self.filter.before = page.last().map(|run| run.id).or(self.filter.before);
        Ok(page)
    }

    /// The same, each with what a list shows of it.
    ///
    /// # Errors
    /// What the state says.
    pub async fn next_listed(&mut self, most: u64) -> Result<Vec<ListedRun>> {
        self.filter.limit = most.min(RUNS);
        if self.filter.limit == 0 {
            return Ok(Vec::new());
        }
        let page = self.state.listed_runs(&self.filter).await?;
        self.filter.before = page.last().map(|run| run.record.id).or(self.filter.before);
        Ok(page)
    }
}

/// The dead letters of a delivery, by position.
pub struct DeadLetterPages {
    state: Arc<dyn StateReader>,
    run: RunId,
    destination: String,
    /// Those before this position are read.
    from: u64,
}

impl DeadLetterPages {
    /// The dead letters of a run at a destination.
    pub fn new(state: Arc<dyn StateReader>, run: RunId, destination: &str) -> Self {
        Self { state, run, destination: destination.to_owned(), from: 0 }
    }

    /// Only those at this position or behind it.
    #[must_use]
    pub fn from(self, from: u64) -> Self {
        Self { from, ..self }
    }

    /// The next dead letters, at most `most` of them; none: there are no more.
    ///
    /// # Errors
    /// What the state says.
    pub async fn next(&mut self, most: u64) -> Result<Vec<DeadLetter>> {
        let limit = most.min(LETTERS);
        let page = self.state.dead_letters(self.run, &self.destination, self.from, limit).await?;
        self.from = page.last().map_or(self.from, |last| last.position + 1);
        Ok(page)
    }

    /// What `pick` makes of each dead letter that is left.
    ///
    /// # Errors
    /// What the state says.
    pub async fn pick<T>(mut self, mut pick: impl FnMut(DeadLetter) -> Option<T>) -> Result<Vec<T>> {
        let mut picked = Vec::new();
        loop {
            let page = self.next(LETTERS).await?;
            if page.is_empty() {
                return Ok(picked);
            }
            picked.extend(page.into_iter().filter_map(&mut pick));
        }
    }
}
