//! Noticing that the state, or the files beside it, were restored from a backup.
//!
//! What always holds: state and spool get a new mark each time, first the state, which also keeps
//! the one before. So a process that dies in between is no restore. After one, no run is compared
//! with a run from before ([`Origin::is_comparable`]), and files of runs that the state does not
//! know are gone. What is a sign is decided by [`rules::restore_signs`].

use outflow_core::ports::state::Origin;
use outflow_core::rules::{self, Beside, RestoreSign};
use outflow_core::{Code, Error, Result, RunId, hash};

use crate::Engine;

impl Engine {
    /// Looks whether state and spool went on since they were last used, and marks them. Whoever
    /// holds the state calls it before anything is read or sent. Returns a warning if there was a
    /// restore.
    ///
    /// # Errors
    /// Those of the state, and of a spool that cannot be listed.
    pub async fn look_for_restore(&self) -> Result<Option<Error>> {
        let (before, place) = (self.state.origin().await?, self.state.place().await?);
        let last_run = self.state.last_run().await?;
        let kept = [self.spool.runs().await?, self.baseline.runs().await?].concat();
        let beside = Beside { mark: self.spool.mark().await?, last_run: kept.iter().max().copied() };
        let signs = rules::restore_signs(&before, &place, last_run, &beside);
        if !signs.is_empty() {
            self.remove_unknown(&kept, last_run).await?;
        }
        let after = |known: Option<RunId>, applies: bool| if applies { last_run.or(known) } else { known };
        let mark = hash::random()?;
        let origin = Origin {
            mark: Some(mark),
            mark_before: beside.mark.map(|mark| mark.id),
            // What a server does not tell at the moment is kept.
            place: before.place.into_iter().chain(place).collect(),
            restored_after: after(before.restored_after, !signs.is_empty()),
            parted_after: after(before.parted_after, signs.iter().any(RestoreSign::parts)),
        };
        self.state.set_origin(&origin).await?;
        if let Err(error) = self.spool.set_mark(mark).await {
            // The state has the one before, too: nothing is lost where there is no room.
            tracing::debug!(code = %error.code(), "the spool keeps its mark");
        }
        Ok((!signs.is_empty()).then(|| warning(&signs)))
    }

    /// Deletes what a lost history has left, so that it is found once and never read.
    async fn remove_unknown(&self, kept: &[RunId], last_run: Option<RunId>) -> Result<()> {
        for run in kept.iter().filter(|run| Some(**run) > last_run) {
            self.spool.remove(*run).await?;
            self.baseline.remove(*run).await?;
        }
        Ok(())
    }
}

fn warning(signs: &[RestoreSign]) -> Error {
    let signs: Vec<String> = signs.iter().map(RestoreSign::to_string).collect();
    let message = format!(
        "the state was restored or moved: {}; the next run of each sync is not compared with earlier ones, \
         and sends all that it reads",
        signs.join("; ")
    );
    Error::new(Code::StateRestored, message)
}
