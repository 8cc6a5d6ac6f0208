//! Secrets at rest: envelope encryption, and where the master key comes from.
//!
//! Each secret has a data key of its own, which encrypts its value; the master key encrypts the
//! data key. Both use AES-256-GCM from `ring` with a random nonce ([`seal`], [`open`]). A
//! [`Keyring`] is what a [`KeySource`] gives: the master key for new secrets, and older ones that
//! can still be read.
//!
//! What always holds:
//! - There is no way to keep a value that is not encrypted.
//! - What a sealed secret is bound to (its record's id, its name, the addresses that it may be sent
//!   to, and the key's id) is authenticated: a record whose parts are changed, cut, or exchanged
//!   with another one's does not open.
//! - No error and no debug form shows a value or a key.
//!
//! What it does not do: keep records, which the state does; decide who may use a secret; or wipe
//! memory.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod envelope;
mod keyring;
mod source;

pub use envelope::{Sealed, Subject, open, seal};
pub use keyring::{Keyring, MasterKey};
pub use source::{KeySource, add_key, keep_first, read};
