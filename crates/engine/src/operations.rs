//! What people and time do to runs that exist: approve, replay, backfill, cancel, purge, verify,
//! retain.
//!
//! What always holds: the equations of a run hold before and after each operation, and an operation
//! that is interrupted can be repeated.

pub mod approval;
pub mod backfill;
pub mod behind;
pub mod cancel;
pub mod causes;
pub mod history;
pub(crate) mod local_clock;
pub mod purge;
pub mod replay;
pub mod restore;
pub mod retention;
pub(crate) mod unfillable;
pub mod verify;
pub mod verify_all;
