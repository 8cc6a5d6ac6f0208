//! Waking what waits for a change, by sync.
//!
//! What always holds: a change of one sync wakes what watches that sync and nothing else, so the
//! work of a change does not grow with the number of syncs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// Numbers that grow with each change.
#[derive(Default)]
pub(super) struct Wakeups {
    by_sync: Mutex<HashMap<String, watch::Sender<u64>>>,
    any: watch::Sender<u64>,
}

impl Wakeups {
    /// Changes with each wake-up of this sync, and of all.
    pub(super) fn watch(&self, sync: &str) -> watch::Receiver<u64> {
        self.with(|all| all.entry(sync.to_owned()).or_default().subscribe())
    }

    /// Changes with each wake-up, whichever sync it is of: for the one task that looks after all.
    pub(super) fn watch_any(&self) -> watch::Receiver<u64> {
        self.any.subscribe()
    }

    /// Wakes what watches this sync.
    pub(super) fn wake(&self, sync: &str) {
        self.any.send_modify(|n| *n += 1);
        self.with(|all| all.get(sync).into_iter().for_each(|changes| changes.send_modify(|n| *n += 1)));
    }

    /// Wakes everything.
    pub(super) fn wake_all(&self) {
        self.any.send_modify(|n| *n += 1);
        self.with(|all| all.values().for_each(|changes| changes.send_modify(|n| *n += 1)));
    }

    /// A panic in the middle leaves the map as it was.
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, watch::Sender<u64>>) -> T) -> T {
        work(&mut self.by_sync.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
