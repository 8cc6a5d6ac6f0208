//! Arguments of commands that look after runs and the state.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::looking::RunName;
use super::values::duration;

/// `outflow verify`
#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    pub run: RunName,
    /// Check the state itself, with the checksum of every row, and recount every run that is kept
    #[arg(long, conflicts_with = "run")]
    pub all: bool,
}

/// `outflow cancel`
#[derive(Debug, Args)]
pub struct Cancel {
    /// The destination's name in the project before it was taken out
    pub destination: String,
    /// Only calls of this sync
    #[arg(long, value_name = "NAME")]
    pub sync: Option<String>,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow pause` and `outflow resume`
#[derive(Debug, Args)]
pub struct Pause {
    /// Names of syncs and destinations
    #[arg(value_name = "SYNC|DESTINATION", required = true)]
    pub names: Vec<String>,
    /// What the names mean; needed only for a name that a sync and a destination share
    #[arg(long, value_enum)]
    pub kind: Option<PausableKind>,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// What can be paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PausableKind {
    /// A sync
    Sync,
    /// A destination
    Destination,
}

/// `outflow purge`
#[derive(Debug, Args)]
pub struct Purge {
    /// The person: userId, anonymousId or previousId of calls; their email if they have no other
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub key: String,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with 7 if another process holds the state, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow approve`
#[derive(Debug, Args)]
pub struct Approve {
    /// The run's number, or a sync's name for its run that awaits approval
    pub run: String,
    /// Give up on a destination that has taken nothing for this long; its calls stay pending
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub delivery_timeout: Duration,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow reject`
#[derive(Debug, Args)]
pub struct Reject {
    /// The run's number, or a sync's name for its run that awaits approval
    pub run: String,
    /// Move last_sync_time as if the run had been sent: its rows are not read again
    #[arg(long)]
    pub skip_window: bool,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}
