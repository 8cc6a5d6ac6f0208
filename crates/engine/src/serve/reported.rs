//! What a delivery has reported to its queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::event::Event;

/// Whether calls were settled, and how the delivery ended.
#[derive(Default)]
pub(super) struct Reported {
    has_settled: AtomicBool,
    end: Mutex<Option<Event>>,
}

impl Reported {
    /// Calls were settled.
    pub(super) fn set_settled(&self) {
        self.has_settled.store(true, Ordering::Relaxed);
    }

    /// Whether calls were settled since this was last asked.
    pub(super) fn take_settled(&self) -> bool {
        self.has_settled.swap(false, Ordering::Relaxed)
    }

    /// The delivery ended.
    pub(super) fn set_end(&self, event: Event) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
    }

    /// The event of its end.
    pub(super) fn end(&self) -> Option<Event> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
