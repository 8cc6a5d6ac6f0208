//! What destinations have not got.
//!
//! What this does not do: fill a gap; a backfill does.

use outflow_core::BoxFuture;
use outflow_core::ports::state::Gap;
use outflow_engine::{Errors, FORMAT_VERSION, LeftOutDocument, MissingDocument, UnsentDocument};
use serde::Serialize;

use crate::App;

/// Every gap that is not closed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct GapList {
    format_version: u32,
    /// Calls of lost runs that destinations have not got.
    pub missing: Vec<MissingDocument>,
    /// Destinations that runs leave out until they have caught up.
    pub left_out: Vec<LeftOutDocument>,
    /// What destinations have not been sent because a person decided so, and are sent on request.
    pub unsent: Vec<UnsentDocument>,
}

impl GapList {
    /// For somebody who may not see values of rows: see [`outflow_engine::Reason::hide_words`].
    pub fn hide_words(&mut self) {
        let missing = self.missing.iter_mut().filter_map(|gap| gap.reason.as_mut());
        let left_out = self.left_out.iter_mut().filter_map(|gap| gap.reason.as_mut());
        let unsent = self.unsent.iter_mut().filter_map(|gap| gap.reason.as_mut());
        missing.chain(left_out).chain(unsent).for_each(outflow_engine::Reason::hide_words);
    }
}

impl App {
    /// What destinations have not got, of one sync or of all.
    ///
    /// # Errors
    /// What the state says.
    pub fn gaps<'a>(&'a self, sync: Option<&'a str>) -> BoxFuture<'a, Result<GapList, Errors>> {
        Box::pin(async move {
            let mut gaps = self.reader().await?.state.open_gaps().await?;
            gaps.retain(|gap| sync.is_none_or(|sync| gap.missing.sync == sync));
            let (left_out, unsent) = (LeftOutDocument::of(&gaps), UnsentDocument::of(&gaps));
            gaps.retain(Gap::is_lost);
            let missing = gaps.into_iter().map(MissingDocument::from).collect();
            Ok(GapList { format_version: FORMAT_VERSION, missing, left_out, unsent })
        })
    }
}
