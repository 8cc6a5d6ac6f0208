//! Arguments of commands that run syncs, or send again.

use std::time::Duration;

use clap::Args;

use super::authoring::Which;
use super::values::duration;

/// `outflow run`
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub which: Which,
    /// Say what would be read and sent, and send nothing
    #[arg(long, conflicts_with_all = ["due", "limit", "destination", "new_ids"])]
    pub dry_run: bool,
    /// Only syncs that are due by their schedule
    #[arg(long, conflicts_with_all = ["names", "select", "exclude"])]
    pub due: bool,
    /// Read everything, as in the first run; last_sync_time stays
    #[arg(long, conflicts_with_all = ["since", "due"])]
    pub full: bool,
    /// Read what has changed since this time (2026-01-31, 2026-01-31T10:00:00Z or Unix seconds);
    /// last_sync_time stays
    #[arg(long, value_name = "TIME", conflicts_with = "due")]
    pub since: Option<String>,
    /// Read at most this many rows; last_sync_time stays
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
          conflicts_with = "due")]
    pub limit: Option<u64>,
    /// Send to this destination only; last_sync_time stays
    #[arg(long, value_name = "DESTINATION", conflicts_with = "due")]
    pub destination: Option<String>,
    /// Give events new ids although they were sent before: they count again
    #[arg(long, conflicts_with = "due")]
    pub new_ids: bool,
    /// Do not ask before events go out under second ids (Q014)
    #[arg(long)]
    pub yes: bool,
    /// Give up on a destination that has taken nothing for this long; its calls stay pending
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    #[arg(alias = "deliver-for")]
    pub delivery_timeout: Duration,
    /// Exit with 7 if another process holds the state, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// How many syncs run in parallel
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub jobs: u64,
}

/// `outflow serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Exit with 7 if another process holds the state, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
    /// Serve metrics for Prometheus here: 127.0.0.1:9464 [default: metrics.listen of the project]
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<std::net::SocketAddr>,
    /// Serve the API here: 127.0.0.1:8080 [default: server.listen of the project]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
}

/// `outflow replay`
#[derive(Debug, Args)]
pub struct Replay {
    /// The run's number, or a sync's name for its latest run
    pub run: String,
    /// Only dead letters, or rejected rows, with this code
    #[arg(long, conflicts_with = "all")]
    pub code: Option<String>,
    /// Only dead letters of this destination; with --all, the destination that gets the run's calls
    #[arg(long, value_name = "NAME")]
    pub destination: Option<String>,
    /// Send calls as they were, under the same message ids; default for track, page and screen
    #[arg(long, conflicts_with = "requery")]
    pub as_sent: bool,
    /// Send what the query now gives for the refused keys, under new message ids; the default for
    /// identify, group and alias
    #[arg(long)]
    pub requery: bool,
    /// Send what the query now gives for the rejected rows, as far as they are fixed, under new
    /// message ids
    #[arg(long, conflicts_with_all = ["as_sent", "requery", "all"])]
    pub rejected: bool,
    /// Send every call of the run to one destination, not only its dead letters
    #[arg(long, conflicts_with_all = ["as_sent", "requery"], requires = "destination")]
    pub all: bool,
    /// Also send what was replayed before; with --as-sent, also what may overwrite a newer state
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// `outflow backfill`
#[derive(Debug, Args)]
pub struct Backfill {
    /// The destination
    pub destination: String,
    /// Only for this sync; without it, for every enabled sync that has the destination
    #[arg(long, value_name = "NAME")]
    pub sync: Option<String>,
    /// Start from this time; without it, from the first run that did not reach the destination
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// With --since: do not ask before events go out under second ids (Q014)
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub delivery: DeliveryArgs,
}

/// Options of runs that are not incremental.
#[derive(Clone, Copy, Debug, Args)]
pub struct DeliveryArgs {
    /// Give up on a destination that has taken nothing for this long; its calls stay pending
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub delivery_timeout: Duration,
    /// Exit with 7 if another process holds the state, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,
}
