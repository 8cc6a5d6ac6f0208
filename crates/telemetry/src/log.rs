//! The log: `tracing` events, one line each.
//!
//! For people `TIME LEVEL EVENT key=value …`; in the JSON form one object a line with `time`,
//! `level`, `event` and the fields. The fields of the spans around an event precede its own in its
//! line, so that everything that happens in a run or a delivery names it.
//!
//! What always holds:
//! - Only Outflow's own code logs. Events of libraries are left out at every level, because they
//!   are not checked for secrets.
//! - No secret and no row value is in a line. What a server or a service said stays in the state;
//!   the log has its code and Outflow's own words.
//! - A line is written as a whole. A reader of stderr that is gone ends nothing.

mod events;
mod filter;
mod layer;
#[cfg(test)]
mod tests;

use outflow_core::Error;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

pub use events::event;
pub use filter::{Filter, FilterError};

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs from now on, for as long as the process lives. `usual` is the level where the filter names
/// none. A second call changes nothing.
pub fn install(
    format: LogFormat,
    filter: &Filter,
    usual: LevelFilter,
    write: impl Fn(&str) + Send + Sync + 'static,
) {
    // It fails only if there is a subscriber already.
    let _ = tracing::subscriber::set_global_default(subscriber(format, filter, usual, write));
}

/// Gives each event that passes the filter to `write`, as a line without its end.
fn subscriber(
    format: LogFormat,
    filter: &Filter,
    usual: LevelFilter,
    write: impl Fn(&str) + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    tracing_subscriber::registry().with(filter.targets(usual)).with(layer::Lines::new(format, write))
}

/// An error as the value of the field `error`, which the log writes as `code`, `reason`, `place`,
/// `help` and `causes`.
pub fn as_error(error: &Error) -> &(dyn std::error::Error + 'static) {
    error
}
