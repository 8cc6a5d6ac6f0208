//! Arguments of commands on definitions.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `outflow rename`
#[derive(Debug, Subcommand)]
pub enum Rename {
    /// Rename a sync that the server owns; it keeps last_sync_time, history, backlog and ids of
    /// events
    Sync(RenameSync),
}

/// `outflow rename sync`
#[derive(Debug, Args)]
pub struct RenameSync {
    /// The name that it has
    pub old: String,
    /// The name that it gets
    pub new: String,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// The folder with the project that is moved into the server
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Remove what the server owns and the project does not have
    #[arg(long)]
    pub prune: bool,
    /// Exit with 3 if something would change
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `outflow apply`
#[derive(Debug, Args)]
pub struct Apply {
    /// The folder with the project that is moved into the server
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Remove what the server owns and the project does not have
    #[arg(long)]
    pub prune: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}
