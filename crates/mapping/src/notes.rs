//! What is noticed while a row is written, apart from the call itself.

use outflow_core::{CallFlags, Code, hash};

/// What is noticed while a row is written.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) flags: CallFlags,
    /// Warnings with their columns, each once.
    pub(crate) found: Vec<(Code, usize)>,
    /// An object type was written.
    pub(crate) object_type: bool,
    /// What the members say, in whatever order they come; `None`: it is not asked for.
    pub(crate) said: Option<u128>,
}

impl Notes {
    pub(crate) fn clear(&mut self) {
        self.flags = CallFlags::default();
        self.found.clear();
        self.object_type = false;
        self.said = None;
    }

    /// Adds a value at its place. A value that is null says nothing.
    #[inline]
    pub(crate) fn say(&mut self, place: u64, value: &[u8]) {
        if let Some(said) = &mut self.said
            && value != b"null"
        {
            *said = said.wrapping_add(hash::placed(place, value));
        }
    }

    pub(crate) fn warn(&mut self, code: Code, column: usize) {
        if !self.found.contains(&(code, column)) {
            self.found.push((code, column));
        }
    }
}
