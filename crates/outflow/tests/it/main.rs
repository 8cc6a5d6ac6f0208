//! The real binary, end to end: a real PostgreSQL, a receiver that misbehaves on demand, kills and signals.

mod crash;
mod support;
