//! The base of tests: a real PostgreSQL, a destination that misbehaves on demand and judges what
//! it got, a proxy that breaks connections, and a harness that kills processes.
//!
//! What always holds: everything listens on 127.0.0.1 only, on a port of its own; everything ends
//! with the process that started it, even when that process is killed; whatever is random prints
//! its seed. Failures panic, since a test is the only caller. What it does not do: share code with
//! the product. It reads and writes the wire itself, so that a mistake of ours is not made twice
//! and then agreed upon.
//!
//! | part | for |
//! | --- | --- |
//! | [`Postgres`] | a warehouse, started from the installed binaries |
//! | [`Redshift`] | a simulator of Amazon Redshift, in front of a PostgreSQL |
//! | [`Receiver`], [`Reply`] | a batch API that remembers each arrival and answers as scripted |
//! | [`MailServer`] | a mail server that remembers what it took |
//! | [`oidc`] | an OpenID Connect provider, which signs what a test says |
//! | [`Judge`] | what is missing, spurious, repeated, split or out of order |
//! | [`ChaosProxy`] | cut, reset, delayed and silent connections |
//! | [`ForwardProxy`] | a company's proxy, the only way out |
//! | [`crash`] | a program that is killed at random instants |
//! | [`FakeClock`] | a program's wall clock, ahead or behind as a test says |
//! | [`hostile`] | statements that try to write, and a database that shows whether one did |
//! | [`Vitals`] | memory, files and threads of a process |
//! | [`Report`], [`long`] | a campaign's figures, and how much of it is run |
//! | [`seed`], [`Rng`] | reproducible chance |
//! | [`free_port`] | an unused port |
//! | [`sink`] | a receiver that only counts, for benchmarks |

pub mod crash;
mod fake_clock;
mod forward_proxy;
pub mod hostile;
mod http;
mod judge;
pub mod mail;
mod net;
pub mod oidc;
mod postgres;
mod proxy;
mod random;
mod receiver;
pub mod redshift;
mod report;
pub mod sink;
mod vitals;

pub use fake_clock::FakeClock;
pub use forward_proxy::{ForwardProxy, ForwardProxyOptions};
pub use judge::{Judge, Verdict};
pub use mail::MailServer;
pub use net::free_port;
pub use postgres::{Database, Options as PostgresOptions, Postgres};
pub use proxy::{ChaosProxy, Fault};
pub use random::{Rng, seed};
pub use receiver::{Arrival, Receiver, Reply, Request};
pub use redshift::Redshift;
pub use report::{Report, long, slice_or_whole};
pub use vitals::Vitals;
