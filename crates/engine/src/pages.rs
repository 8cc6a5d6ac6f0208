//! Runs and dead letters, page by page.
//!
//! What always holds: a history or a list of any length is read in bounded memory, one page at a
//! time. A run that begins meanwhile is left out; none comes twice.

use std::sync::Arc;

use outflow_core::ports::state::{DeadLetter, StateReader};
use outflow_core::{Result, RunId, RunRecord};

/// How many runs are read at a time. A record has the text of its query.
const RUNS: u64 = 1_000;
/// How many dead letters are read at a time. Each may have a kilobyte of a destination's answer.
const LETTERS: u64 = 2_000;

/// Runs, newest first.
pub struct RunPages {
    state: Arc<dyn StateReader>,
    sync: Option<String>,
    before: Option<RunId>,
}

impl RunPages {
    /// Every run, or those of one sync.
    pub fn new(state: Arc<dyn StateReader>, sync: Option<&str>) -> Self {
        Self { state, sync: sync.map(str::to_owned), before: None }
    }

    /// The next runs, at most `most` of them; none: there are no more.
    ///
    /// # Errors
    /// What the state says.
    pub async fn next(&mut self, most: u64) -> Result<Vec<RunRecord>> {
        let limit = most.min(RUNS);
        let page = self.state.runs_before(self.sync.as_deref(), self.before, limit).await?;
        self.before = page.last().map(|run| run.id).or(self.before);
        Ok(page)
    }
}

/// The dead letters of a delivery, by position.
pub struct DeadLetterPages {
    state: Arc<dyn StateReader>,
    run: RunId,
    destination: String,
    read: u64,
}

impl DeadLetterPages {
    /// The dead letters of a run at a destination.
    pub fn new(state: Arc<dyn StateReader>, run: RunId, destination: &str) -> Self {
        Self { state, run, destination: destination.to_owned(), read: 0 }
    }

    /// The next dead letters, at most `most` of them; none: there are no more.
    ///
    /// # Errors
    /// What the state says.
    pub async fn next(&mut self, most: u64) -> Result<Vec<DeadLetter>> {
        let limit = most.min(LETTERS);
        let page = self.state.dead_letters(self.run, &self.destination, self.read, limit).await?;
        self.read += page.len() as u64;
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
