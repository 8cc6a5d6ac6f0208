//! Arguments of commands that show what happened.

use clap::{Args, Subcommand};

/// `outflow status`
#[derive(Debug, Args)]
pub struct Status {
    /// Show it again at this interval, until Ctrl-C
    #[arg(long, short, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub watch: Option<u64>,
}

/// `outflow alerts`
#[derive(Debug, Args)]
pub struct Alerts {
    #[command(subcommand)]
    pub what: Option<AlertsCommand>,
}

/// What to do about alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// Send a test alert to every receiver of the project
    Test,
}

/// `outflow runs`
#[derive(Debug, Args)]
pub struct Runs {
    /// Only this sync
    #[arg(long, value_name = "NAME")]
    pub sync: Option<String>,
    /// How many, the newest first; 0 for all
    #[arg(long, short = 'n', default_value_t = 20)]
    pub limit: u64,
}

/// Which run.
#[derive(Debug, Args)]
pub struct RunName {
    /// The run's number, or a sync's name for its latest run; without it, the latest run of all
    pub run: Option<String>,
}

impl RunName {
    /// The run that is meant.
    pub fn name(&self) -> outflow_app::RunName {
        outflow_app::RunName::parse(self.run.as_deref())
    }
}

/// `outflow rejected`
#[derive(Debug, Args)]
pub struct Rejected {
    #[command(flatten)]
    pub run: RunName,
    /// How many rows; 0 for all
    #[arg(long, short = 'n', default_value_t = 20)]
    pub limit: u64,
    /// Only those with this code
    #[arg(long)]
    pub code: Option<String>,
}

/// `outflow dead-letters`
#[derive(Debug, Args)]
pub struct DeadLetters {
    #[command(flatten)]
    pub run: RunName,
    /// Only this destination
    #[arg(long, value_name = "NAME")]
    pub destination: Option<String>,
    /// How many for each destination; 0 for all
    #[arg(long, short = 'n', default_value_t = 20)]
    pub limit: u64,
}

/// `outflow usage`
#[derive(Debug, Args)]
pub struct Usage {
    /// The month, such as 2026-11; without it, the current one
    #[arg(long, value_name = "YYYY-MM")]
    pub month: Option<String>,
    /// Only this sync
    #[arg(long, value_name = "NAME")]
    pub sync: Option<String>,
    /// Show each day separately
    #[arg(long)]
    pub days: bool,
}
