//! Runs on the real spool and the real state, with a warehouse and destinations that do as they are told.

mod delivery;
mod extraction;
mod parts;
