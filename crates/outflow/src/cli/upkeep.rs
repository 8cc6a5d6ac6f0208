//! Arguments of commands that look after the state.

use clap::Args;

use super::RunName;

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
