//! Row to call.
//!
//! A [`Plan`] is compiled once per result from the columns' names and types: it knows for each
//! column where it goes (a field at the top, `context`, `integrations`, a trait or property), under
//! which key, and how its value is written. A [`RowEncoder`] then makes one call of each row by
//! copying and escaping bytes.
//!
//! What always holds: a call is one valid JSON object without line breaks and without duplicate
//! keys of ours; numbers keep every digit; the same row makes the same content; nothing is
//! allocated per row unless JSON is taken apart or the row is rejected. What it does not do: read
//! anything, keep anything, or know a destination.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod call_writer;
mod content;
mod cure;
mod events;
mod fields;
mod leaf;
mod lookalikes;
mod members;
mod notes;
mod objects;
mod plan;
mod required;
mod row_encoder;
mod row_error;
mod tree;
mod write;

pub use call_writer::Shaped;
pub use content::{content_of, subject};
pub use events::EventIdentity;
pub use lookalikes::{NameHint, name_hints, stand_ins};
pub use plan::{Plan, Warning, same_field};
pub use row_encoder::RowEncoder;

/// The text of a column in a row; `None` is NULL.
type Field<'a> = Option<&'a [u8]>;
