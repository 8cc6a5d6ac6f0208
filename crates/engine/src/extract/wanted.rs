//! Which rows of a result a replay keeps.

use outflow_core::run::ReplayMode;
use outflow_core::{CallMeta, Column, Result, Row};

use super::Extractor;
use super::wanted_keys::WantedKeys;
use super::wanted_rows::WantedRows;

/// The rows that a replay by query keeps.
pub(crate) enum Wanted {
    /// Those with the ordering keys of dead letters.
    Keys(WantedKeys),
    /// Those that were rejected.
    Rows(WantedRows),
}

impl Wanted {
    /// Whether the replay keeps this row, which makes a call with this content.
    pub(super) fn take(&mut self, row: Row<'_>, call: &CallMeta, content: u128) -> bool {
        match self {
            Self::Keys(keys) => keys.take(call),
            Self::Rows(rows) => rows.take(row, content),
        }
    }
}

impl Extractor<'_> {
    /// What a replay by query keeps of a result with these columns; `None` for every other run.
    pub(super) async fn wanted(&self, columns: &[Column]) -> Result<Option<Wanted>> {
        match self.run.spec.options.replay() {
            Some(replay) if replay.mode == ReplayMode::Rejected => {
                Ok(Some(Wanted::Rows(self.wanted_rows(replay, columns).await?)))
            }
            _ => Ok(self.wanted_keys().await?.map(Wanted::Keys)),
        }
    }
}
