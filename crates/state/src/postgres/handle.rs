//! A handle on the state: what reads and what writes have in common.

use super::pool::Pool;

/// With [`Writes`](super::write::Writes) it writes, with nothing it only reads.
pub(super) struct PostgresState<W> {
    pub(super) pool: Pool,
    pub(super) writes: W,
}
