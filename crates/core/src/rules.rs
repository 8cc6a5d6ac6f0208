//! What a write to the state changes: pure functions that every adapter of the state port shares.
//!
//! What always holds: the equations of promise 1 (`docs/GUARANTEES.md`) hold after a rule if they
//! held before it. What rules do not do: load, persist, or read a clock.

pub mod audit;
mod budget;
mod definitions;
mod delivery;
mod gap;
mod people;
mod restore;
mod run;

pub use budget::{Spent, budget_objections, day, has_budget};
pub use definitions::{DefinitionStep, KeptOfSync, change_definition, changed_meanwhile, check_rename};
pub use delivery::{Used, new_deliveries, reject_delivery, settle};
pub use gap::{
    GapChanges, change_members, is_unfillable, missing_after_loss, missing_where_given_up,
    missing_where_left_out, newcomer,
};
pub use people::{
    changed_user, check_user_change, name_taken, no_such_token, no_such_user, not_the_first_user,
};
pub use restore::{Beside, RestoreSign, restore_signs};
pub use run::{
    Committed, approved, check_approval, check_end, check_step, commit_extraction, conclude, skipped_window,
    sync_after,
};
