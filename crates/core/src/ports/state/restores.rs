//! What the state keeps so that a restore from a backup is noticed.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{Result, RunId};

/// Where a store is: names and values that change when it is copied. A store that cannot tell one
/// leaves it out.
pub type Place = BTreeMap<String, String>;

/// What tells a state that went on from one that was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The mark that the spool got when this state was last used with it. `None`: never yet.
    pub mark: Option<u128>,
    /// The mark that the spool had before. It still has it if the process died in between.
    pub mark_before: Option<u128>,
    /// Where the store was then.
    pub place: Place,
    /// Runs up to this one are compared with no later run whose calls say how something is: a
    /// restore was noticed after them. `None`: none was.
    pub restored_after: Option<RunId>,
    /// Runs up to this one are compared with no later run at all: the spool was not the state's.
    pub parted_after: Option<RunId>,
}

impl Origin {
    /// Whether a later run may be compared with this one. `is_event`: its calls say what happened,
    /// and not how something is.
    pub fn is_comparable(&self, run: RunId, is_event: bool) -> bool {
        let after = if is_event { self.parted_after } else { self.restored_after };
        after.is_none_or(|after| run > after)
    }
}

/// Looking at what tells of a restore.
#[async_trait]
pub trait OriginQueries: Send + Sync {
    /// What was kept last.
    async fn origin(&self) -> Result<Origin>;

    /// Where the store is now.
    async fn place(&self) -> Result<Place>;

    /// The largest number that a run ever had in this state; `None`: there was none.
    async fn last_run(&self) -> Result<Option<RunId>>;
}

/// Keeping what tells of a restore.
#[async_trait]
pub trait Origins: Send + Sync {
    /// Replaces what is kept. Repeated: the same.
    async fn set_origin(&self, origin: &Origin) -> Result<()>;
}
