//! The project as this process read it a moment ago, for those who only look.
//!
//! What always holds: only a process that serves keeps a project, for a second at most; and one
//! that was being read while a change came into force is not kept. Many pages that ask at once cost
//! one reading. What this does not do: keep mistakes. A project that has some is read each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use outflow_engine::Errors;
use outflow_project::Project;
use tokio::sync::Mutex;

use crate::App;

/// Files that somebody edits are seen after this time. What comes into force through this process
/// is seen at once.
const KEPT: Duration = Duration::from_secs(1);

/// The place for it, shared by the clones of an `App`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kept: Mutex<Option<Kept>>,
    /// Counts what came into force.
    changes: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    project: Arc<Project>,
    since: Instant,
    changes: u64,
}

impl Loaded {
    /// Another project is in force: what was read before is not what there is.
    pub(crate) fn forget(&self) {
        self.0.changes.fetch_add(1, Ordering::SeqCst);
    }

    fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::SeqCst)
    }
}

impl App {
    /// As [`App::load_partly`], or what that gave a moment ago.
    pub(crate) async fn look_at_project(&self) -> Result<Arc<Project>, Errors> {
        if self.slot.get().is_none() {
            return Ok(Arc::new(self.load_partly().await?));
        }
        let mut kept = self.loaded.0.kept.lock().await;
        let changes = self.loaded.changes();
        if let Some(kept) = &*kept
            && kept.changes == changes
            && kept.since.elapsed() < KEPT
        {
            return Ok(kept.project.clone());
        }
        let since = Instant::now();
        let project = Arc::new(self.load_partly().await?);
        *kept = Some(Kept { project: project.clone(), since, changes });
        Ok(project)
    }
}
