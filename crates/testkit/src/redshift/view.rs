//! The session's state that decides how a statement is understood.

use super::Options;

#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub options: &'a Options,
    /// Whether quoted names keep their case.
    pub case_sensitive: bool,
    pub superuser: bool,
    /// Whether a cursor is open.
    pub cursor_open: bool,
    /// Whether it came by Parse.
    pub extended: bool,
    pub last_query: u64,
}
