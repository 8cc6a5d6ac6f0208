//! Which rows of a result a replay keeps.

use outflow_core::{CallMeta, Row};

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
