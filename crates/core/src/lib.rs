//! The domain types of Outflow and the ports between its parts.
//!
//! Everything that two crates must agree on is defined here once: what a call, a row, a run and an
//! outcome are ([`call`], [`row`], [`run`], [`outcome`]), which codes a user sees ([`codes`]), how
//! settings are described ([`schema`]), and the traits that the adapters implement ([`ports`]).
//!
//! What always holds: no input or output, no async runtime, no clock read outside [`Clock`]. What
//! it does not do: decide. Policy lives in `engine`, text in `query` and `shape`, bytes on disk in
//! `spool` and `state`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod actor;
pub mod call;
pub mod characters;
pub mod clock;
pub mod codes;
mod described;
pub mod error;
pub mod files;
mod foreign;
pub mod guard;
pub mod hash;
mod next_step;
pub mod outcome;
pub mod ports;
pub mod positions;
mod references;
pub mod row;
pub mod rules;
pub mod run;
mod run_id;
pub mod schema;
pub mod secret;
pub mod sync;

pub use actor::{Actor, ActorKind};
pub use call::{CallFlags, CallMeta, CallType, MessageId, RunKey, SyncKey};
pub use clock::{Clock, SystemClock, Uptime};
pub use codes::{Code, ErrorKind, Severity};
pub use error::{Error, Result, TextPlace};
pub use foreign::{ForeignText, is_unseen, json_printable, printable, steers_terminal, with_unseen_shown};
pub use guard::{Budget, Guards};
pub use jiff::Timestamp;
pub use jiff::civil::Date;
pub use next_step::NextStep;
pub use outcome::{Answer, Quota, RateHint, Refusal, Reply};
pub use positions::Positions;
pub use references::{NameUsage, ReferencedName, References, VolatileFunction};
pub use row::{Column, ColumnType, ElementType, Row, RowPage};
pub use run::{DeliveryCounts, DeliveryState, RowCounts, RunId, RunRecord, RunState};
pub use secret::Secret;
pub use sync::{Connection, Dialect, EventIds, FirstRun, Nulls, OnInvalidValue, SyncSpec};

/// A boxed future: what an async method of a port returns, so that ports can be used as trait
/// objects.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
