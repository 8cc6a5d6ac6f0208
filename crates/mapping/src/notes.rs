//! What is noticed while a row is written, apart from the call itself.

use outflow_core::{CallFlags, Code};

/// What is noticed while a row is written.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) flags: CallFlags,
    /// Warnings with their columns, each once.
    pub(crate) found: Vec<(Code, usize)>,
    /// An object type was written.
    pub(crate) object_type: bool,
}

impl Notes {
    pub(crate) fn clear(&mut self) {
        self.flags = CallFlags::default();
        self.found.clear();
        self.object_type = false;
    }

    pub(crate) fn warn(&mut self, code: Code, column: usize) {
        if !self.found.contains(&(code, column)) {
            self.found.push((code, column));
        }
    }
}
